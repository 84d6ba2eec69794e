"""Without a terminal each stage is a line on stderr, when it begins."""

import pytest

from realmodel.runs.console import progress


def test_each_stage_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as bar:
        first = bar.add_task("one pass", total=8)
        second = bar.add_task("Qwen3", total=None)
        for done in range(8):
            bar.update(first, completed=done)
        bar.update(second, description="Qwen3: costs", total=5)
        bar.advance(second)
    told = capsys.readouterr()
    assert told.err.splitlines() == ["one pass", "Qwen3: costs"]
    assert told.out == ""

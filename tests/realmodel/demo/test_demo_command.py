import json
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from realmodel.card import LayerCard
from realmodel.cli import app
from realmodel.demo.measure import measure_all


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One small run of the command, one process per checkpoint."""
    folder = tmp_path_factory.mktemp("demo")
    result = CliRunner().invoke(
        app,
        ["demo", "--output-dir", str(folder), "--num-samples", "8", "--layers", "2", "--json"],
    )
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


def test_needs_no_network_and_no_second_process(
    run: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the demo must not use the network")

    def one_core(_: int) -> set[int]:
        return {0}

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(os, "sched_getaffinity", one_core, raising=False)
    stages: list[str] = []
    cards = measure_all(["gpt2"], 8, 0, "task.jsonl", lambda _, stage, *done: stages.append(stage))
    assert {"one pass", "costs", "profiles"} <= set(stages)
    # Processes change nothing in the numbers (but for the order of sums).
    parallel = LayerCard.load(run[0] / "gpt2" / "card.json").quadratic
    np.testing.assert_allclose(cards["gpt2"].quadratic.gain(), parallel.gain(), rtol=1e-3)


def test_writes_cards_and_the_figure(run: tuple[Path, Any]) -> None:
    folder, record = run
    assert (folder / "layer_profile.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((folder / "demo.json").read_text()) == record
    assert LayerCard.load(folder / "gpt2/card.json").data["source"] == str(folder / "task.jsonl")
    assert (folder / "task.jsonl").read_text().count("\n") == 8
    for name in ("gpt2", "qwen3"):
        card = LayerCard.load(folder / name / "card.json")
        assert card.model["architecture"] == name
        assert len(card.layers) == 10
        assert (folder / name / "card.md").read_text().startswith("---")
        assert record[name]["rho"] == pytest.approx(card.coupling.rho)


def test_choices_are_those_of_the_card(run: tuple[Path, Any]) -> None:
    folder, record = run
    for name in ("gpt2", "qwen3"):
        card = LayerCard.load(folder / name / "card.json")
        quadratic = card.predictor().quadratic
        picks = record[name]["placements"]
        for pick in picks.values():
            positions = card.positions(tuple(pick["layers"]))
            assert len(positions) == 2
            assert pick["gain"] == pytest.approx(quadratic.gain(positions))
        best = max(
            quadratic.gain((first, second)) for second in range(10) for first in range(second)
        )
        assert picks["exact search"]["gain"] == pytest.approx(best)
        assert picks["greedy"]["gain"] <= best * (1 + 1e-12)


def test_too_many_layers_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--output-dir", str(tmp_path), "--layers", "11"])
    assert result.exit_code == 2
    assert "11" in result.stderr
    assert not list(tmp_path.iterdir())

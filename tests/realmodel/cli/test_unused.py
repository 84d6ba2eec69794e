"""Options without a part in what was asked for are named; files are read before hours of work."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from realmodel.cli import app

NOWHERE = ("--model", "./nowhere", "--data", "./nowhere.jsonl")


def said(*words: str) -> list[str]:
    """Which options are said to be unused, before the command refuses what is not there."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, (done.output, done.exception)
    lines = done.stderr.splitlines()
    return [line for line in lines if "is not used" in line]


@pytest.mark.parametrize(
    ("command", "options", "needed"),
    [
        ("card", ("--directions", "2"), "--exact-curvature"),
        ("card", ("--curvature-samples", "2"), "--exact-curvature"),
        ("card", ("--interval-products", "2"), "--interval"),
        ("card", ("--no-calibrate", "--packing", "64"), "--calibrate"),
        ("card", ("--estimate", "--resume-dir", "x"), "a card, and --estimate measures none"),
        ("compare", ("--damping", "2"), "--exact-curvature"),
        ("finetune", ("--save-every", "2"), "--output-dir"),
        ("finetune", ("--heldout-split", "x"), "--heldout"),
        ("finetune", ("--max-new-tokens", "8"), "--generate"),
    ],
)
def test_what_is_not_used_is_said(command: str, options: tuple[str, ...], needed: str) -> None:
    (line,) = said(command, *NOWHERE, *options)
    assert line == f"{options[-2]} is not used: it needs {needed}"


@pytest.mark.parametrize(
    "words",
    [
        ("card", *NOWHERE),
        ("card", *NOWHERE, "--directions", "2", "--exact-curvature"),
        ("card", *NOWHERE, "--curvature-samples", "2", "--interval", "0"),
        ("card", *NOWHERE, "--packing", "64", "--resume-dir", "x", "--output-dir", "y"),
        ("compare", *NOWHERE, "--heldout", "x", "--column", "text"),
        ("finetune", *NOWHERE, "--save-every", "2", "--output-dir", "x"),
        ("finetune", *NOWHERE, "--heldout", "x", "--heldout-split", "y", "--generate", "2"),
        ("place", "./nowhere.json", "--export", "json", "--model", "x", "--output-dir", "y"),
        ("verify", "--jobs", "0"),
    ],
)
def test_what_is_used_is_not(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(*words) == []


def test_data_options_of_the_embedded_task_are_not_used() -> None:
    (first, second) = said(
        "compare", "--model", "demo:nowhere", "--heldout", "x", "--column", "text"
    )
    assert first == "--heldout is not used: it needs --data"
    assert second == "--column is not used: it needs --data"


def test_of_a_placement_and_a_cluster() -> None:
    (export, model) = said("place", "./nowhere.json", "--export", "json", "--model", "x")[::-1]
    assert export == "--export is not used: it needs --output-dir"
    assert model == "--model is not used: it needs --output-dir or --calibrate"
    (jobs,) = said("verify", "--dask", "nonsense://1", "--jobs", "2")
    assert jobs.startswith("--jobs is not used: it needs no --dask")


def test_runs_are_read_before_the_card_is_measured(tmp_path: Path) -> None:
    for name, text, message in (
        ("none.json", None, "No such file"),
        ("other.json", '{"gains": []}', "is not a fine-tuning result: it lists no runs"),
        ("empty.json", '{"runs": []}', "holds no fine-tuning run"),
    ):
        if text is not None:
            (tmp_path / name).write_text(text)
        done = CliRunner().invoke(app, ["card", *NOWHERE, "--finetuned", str(tmp_path / name)])
        assert done.exit_code == 2
        assert message in " ".join(done.stderr.split())


def test_a_card_is_kept_though_the_runs_are_of_another_model(
    gpt2_folder: Path, task_file: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "finetune.json"
    runs.write_text(json.dumps({"runs": [{"model_digest": "sha256:0", "model": "other"}]}))
    words = ("--model", str(gpt2_folder), "--data", str(task_file), "--finetuned", str(runs))
    less = ("--no-calibrate", "--no-pilot", "--rank", "2", "--output-dir", str(tmp_path / "out"))
    done = CliRunner().invoke(app, ["card", *words, *less])
    assert done.exit_code == 2
    assert "holds runs of 'other'" in " ".join(done.stderr.split())
    assert (tmp_path / "out/card.json").is_file()


def test_a_comparison_is_not_kept_within_the_checkpoint(gpt2_folder: Path, task_file: Path) -> None:
    before = sorted(gpt2_folder.iterdir())
    words = ("--model", str(gpt2_folder), "--data", str(task_file))
    done = CliRunner().invoke(app, ["compare", *words, "--output-dir", f"{gpt2_folder}/."])
    assert done.exit_code == 2
    assert "is the checkpoint's own" in " ".join(done.stderr.split())
    assert sorted(gpt2_folder.iterdir()) == before

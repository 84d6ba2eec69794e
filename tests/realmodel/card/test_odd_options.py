"""Options that make no sense end in one sentence before anything is read, loaded or written."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from realmodel.cli import app
from realmodel.cli.layers import parse_layers
from realmodel.runs.output_folder import output_folder
from theory import InputError

CARD = ("card", "--model", "./nowhere", "--data", "none.jsonl")
TUNE = ("finetune", "--model", "./nowhere", "--data", "none.jsonl")
COMPARE = ("compare", "--model", "./nowhere", "--data", "none.jsonl")


def refused(message: str, *words: object) -> None:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split()), result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*CARD, "--learning-rate", "inf"), "learning rate must be at most 100, got"),
        ((*CARD, "--learning-rate", "nan"), "learning rate must be positive, got nan"),
        ((*CARD, "--alpha", "1e400"), "alpha must be at most 1e+06"),
        ((*CARD, "--steps", 10**9), "steps must be at most 1e+06, got 1e+09"),
        ((*CARD, "--rank", 10**30), "rank must be at most 65536, got 1e+30"),
        ((*CARD, "--rank", "9" * 5000), "Invalid value for '--rank'"),
        ((*CARD, "--train-batch-size", 0), "batch size must be positive, got 0"),
        ((*CARD, "--damping", "inf"), "damping must be finite, got inf"),
        ((*CARD, "--ridge", "nan"), "--ridge"),
        ((*CARD, "--interval-damping", "inf"), "interval_damping must be positive, got inf"),
        ((*CARD, "--interval-products", 10**9), "Invalid value for '--interval-products'"),
        ((*CARD, "--interval", "0-999999999"), "no model has layers beyond 9999"),
        ((*CARD, "--seed", 10**30), "Invalid value for '--seed'"),
        ((*TUNE, "--seeds", 10**9), "Invalid value for '--seeds'"),
        ((*TUNE, "--seeds", 2, "--seed", 2**32 - 1), "seed must be at most 4.29497e+09"),
        ((*TUNE, "--layers", "0-9999999"), "no model has layers beyond 9999"),
        ((*TUNE, "--layers", "0-³"), "write indices and ranges"),
        ((*TUNE, "--steps", 10**12), "steps must be at most 1e+06"),
        ((*COMPARE, "--learning-rate", "1e308"), "learning rate must be at most 100"),
        ((*COMPARE, "--damping", "inf"), "damping must be finite, got inf"),
        ((*COMPARE, "--placements", 10**9), "Invalid value for '--placements'"),
    ],
)
def test_odd_options(
    words: tuple[object, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(message, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [CARD, TUNE, COMPARE, ("simulate", "spreading"), ("verify",)])
def test_an_output_folder_that_cannot_be_is_refused_first(
    command: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for folder in ("file", "file/below", "/dev/null", "/dev/null/x", "/proc/x", "n" * 300):
        refused("cannot write to the output folder", *command, "--output-dir", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    assert output_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").mkdir()
    output_folder(tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_pipe_is_no_card(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused("is not a regular file", "place", tmp_path / "pipe")
    out = ("--output-dir", tmp_path / "out")
    refused("is not a regular file", "card", "--card", tmp_path / "pipe", *out)
    refused("is not a regular file", *TUNE, "--placement", tmp_path / "pipe", *out)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("²", "write indices"),
        ("٣", "write indices"),
        ("1-2-3", "write indices"),
        ("", "write indices"),
        ("-1", "write indices"),
        ("5-2", "the range 5-2 runs backwards"),
        ("9" * 5000, "no model has layers beyond 9999"),
        ("0-999999999", "no model has layers beyond 9999"),
    ],
)
def test_layers_that_are_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_layers(text)


def test_layers_are_read() -> None:
    assert parse_layers(" 3, 0-2,1 , 0007") == (3, 0, 1, 2, 7)

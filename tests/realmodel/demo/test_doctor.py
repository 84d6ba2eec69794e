import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from realmodel import doctor
from realmodel.cli import app
from realmodel.runs import output_folder


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["doctor", *arguments])


def test_this_environment_is_whole(tmp_path: Path) -> None:
    result = run("--json", "--output-dir", str(tmp_path / "out"))
    record = json.loads(result.stdout)
    assert record["broken"] == []
    assert result.exit_code == 0
    found = {check["name"]: check for check in record["checks"]}
    assert f"torch {torch.__version__}" in found["packages"]["found"]
    assert {"python", "memory", "derivatives", "embedded checkpoints"} <= found.keys()
    assert json.loads((tmp_path / "out" / "doctor.json").read_text()) == record


def test_the_table_lists_every_check(tmp_path: Path) -> None:
    result = run("--output-dir", str(tmp_path))
    assert result.exit_code == 0
    for name in ("python", "packages", "derivatives", "shared data"):
        assert name in result.stdout


def test_something_broken_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong_derivatives(seed: int) -> doctor.Check:
        return doctor.Check("derivatives", "broken", f"seed {seed}: they differ", "look")

    monkeypatch.setattr(doctor, "derivatives", wrong_derivatives)
    result = run("--seed", "7")
    assert result.exit_code == 1
    assert "seed 7: they differ" in result.stdout
    assert "broken: derivatives" in result.stderr


def test_a_check_that_raises_becomes_a_broken_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_devices() -> doctor.Check:
        raise OSError("driver gone")

    monkeypatch.setattr(doctor, "devices", no_devices)
    found = {check.name: check for check in doctor.checks(tmp_path, 0)}
    assert found["devices"].status == "broken"
    assert found["devices"].found == "OSError: driver gone"
    assert found["browser"].status != "broken"


def test_a_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(output_folder.tempfile, "TemporaryFile", denied)
    check = doctor.write_access(Path("somewhere/out"))
    assert (check.status, check.advice) == ("broken", "choose another output folder")
    assert "Permission denied" in check.found


@pytest.mark.parametrize(
    ("requirement", "status", "found"),
    [
        ("numpy>=1", "ok", "numpy "),
        ("numpy>=9999", "broken", ""),
        ("no-such-package-here>=1; extra == 'realmodel'", "broken", "not installed"),
        ("no-such-package-here>=1; extra == 'dask'", "ok", ""),
    ],
)
def test_requirements_are_read_from_the_metadata(
    requirement: str, status: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def requires(_: str) -> list[str]:
        return [requirement]

    monkeypatch.setattr(doctor.importlib.metadata, "requires", requires)
    first = next(iter(doctor.packages()))
    assert first.status == status
    assert found in first.found


def test_derivatives_that_disagree_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the check compares forward mode with reverse mode."""

    def half_gradient(*arguments: Any) -> Iterator[Any]:
        return (part / 2 for part in gradient(*arguments))

    gradient = torch.autograd.grad
    assert doctor.derivatives(0).status == "ok"
    monkeypatch.setattr(torch.autograd, "grad", half_gradient)
    assert doctor.derivatives(0).status == "broken"

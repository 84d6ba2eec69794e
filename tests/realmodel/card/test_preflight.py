"""Commands refuse in seconds what would fail after hours, and before anything is loaded."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from realmodel.card import CardOptions, measure_card
from realmodel.cli import app
from realmodel.datasets import read_examples
from realmodel.model.checkpoint import load_checkpoint
from realmodel.runs.output_folder import output_folder
from realmodel.runs.reproducible import CPU_TABLE, fix_code_path
from theory import InputError


@pytest.fixture
def unloadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a checkpoint or reading data fails the test: the check came too late."""

    def late(*_: Any, **__: Any) -> Any:
        raise AssertionError("loaded before the check")

    monkeypatch.setattr("realmodel.model.checkpoint.load_checkpoint", late)


@pytest.mark.usefixtures("unloadable")
@pytest.mark.parametrize("command", ["card", "finetune", "compare"])
@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("--output-dir", "file/out", "cannot write to the output folder"),
        ("--device", "cuda:77", "device 'cuda:77' cannot be used (at hand: cpu"),
        ("--model", "./absent", "'./absent' is not a folder"),
    ],
)
def test_before_anything_is_loaded(
    command: str, option: str, value: str, match: str, gpt2_folder: Path, task_file: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    arguments = {"--model": str(gpt2_folder), "--data": str(task_file), option: value}
    result = CliRunner().invoke(
        app, [command, *(part for pair in arguments.items() for part in pair)]
    )
    assert result.exit_code == 2
    assert match in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_intervals_before_the_first_pass(gpt2_folder: Path, task_file: Path) -> None:
    checkpoint = load_checkpoint(gpt2_folder)

    def pass_begins(*_: Any) -> None:
        raise AssertionError("a pass began before the check")

    with pytest.raises(
        InputError, match=r"layers \[0, 99\]: layers \[99\] hold no measured module"
    ):
        measure_card(
            checkpoint,
            read_examples(task_file)[:4],
            CardOptions(intervals=((0, 99),)),
            progress=pass_begins,
        )


def test_writable_folders(tmp_path: Path) -> None:
    assert output_folder(tmp_path / "new" / "deep") == tmp_path / "new" / "deep"
    assert not list(tmp_path.iterdir())
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="cannot write to the output folder"):
        output_folder(tmp_path / "taken")
    if os.geteuid() != 0:  # root may write everywhere
        tmp_path.chmod(0o500)
        with pytest.raises(InputError, match="cannot write to the output folder"):
            output_folder(tmp_path / "new")


@pytest.mark.parametrize(
    ("table", "expected"),
    [("vendor_id : GenuineIntel\n", "AUTO"), ("vendor_id : AuthenticAMD\n", "AVX2")],
)
def test_code_path_of_mkl(
    table: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(table)
    monkeypatch.setattr("realmodel.runs.reproducible.CPU_TABLE", tmp_path / "cpuinfo")
    monkeypatch.delenv("MKL_CBWR", raising=False)
    fix_code_path()
    assert os.environ["MKL_CBWR"] == expected


def test_workers_and_commands_share_the_code_path() -> None:
    """Importing any part of the bridge sets it, and a process started from there inherits it."""
    code = (
        "import os, subprocess, sys; import realmodel.cli; "
        "print(subprocess.run([sys.executable, '-c', "
        "'import os; print(os.environ[\"MKL_CBWR\"])'], capture_output=True, text=True).stdout)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert shown.stdout.strip() in ("AUTO", "AVX2")


@pytest.mark.skipif(
    not torch.backends.mkl.is_available() or not CPU_TABLE.is_file(), reason="torch without MKL"
)
def test_products_do_not_depend_on_alignment() -> None:
    """What a resumed run being bit-identical rests on."""
    generator = torch.Generator().manual_seed(0)
    for n, k, m in ((257, 576, 130), (7, 32, 96), (33, 17, 5), (64, 64, 64), (1, 576, 576)):
        a, b = torch.randn(n, k, generator=generator), torch.randn(m, k, generator=generator)

        def product(offset: int, a: torch.Tensor = a, b: torch.Tensor = b) -> torch.Tensor:
            def moved(values: torch.Tensor, by: int) -> torch.Tensor:
                room = torch.empty(values.numel() + 32)
                start = (-room.data_ptr() // 4) % 16 + by
                return room[start : start + values.numel()].view_as(values).copy_(values)

            return moved(a, offset) @ moved(b, 3 * offset % 16).T

        for offset in range(1, 16):
            assert torch.equal(product(0), product(offset)), (n, k, m, offset)

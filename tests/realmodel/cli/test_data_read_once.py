"""A data file is opened once in a command, however it is opened: the kernel counts."""

import ctypes
import gzip
import json
import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from realmodel.cli import app
from realmodel.datasets import read_examples
from realmodel.evidence.baselines import BASELINES
from tests.realmodel.handmade_card import save_task

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

IN_ACCESS, IN_CLOSE, IN_OPEN = 0x01, 0x08 | 0x10, 0x20


@contextmanager
def opens(path: Path) -> Iterator[list[int]]:
    """How often any code of this machine opened the file: the only entry, once the block ends.

    Equal events in a row are one to the kernel, so it is asked for what lies between as well.
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    watch = kernel.inotify_init1(os.O_NONBLOCK)
    assert kernel.inotify_add_watch(watch, os.fsencode(path), IN_ACCESS | IN_CLOSE | IN_OPEN) > 0
    found: list[int] = []
    try:
        yield found
        found.append(sum(bool(mask & IN_OPEN) for mask in _events(watch)))
    finally:
        os.close(watch)


def _events(watch: int) -> list[int]:
    try:
        data = os.read(watch, 1 << 16)
    except BlockingIOError:
        return []
    masks: list[int] = []
    while data:
        _, mask, _, length = struct.unpack_from("iIII", data)
        masks.append(mask)
        data = data[16 + length :]
    return masks


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return save_task(tmp_path / "task.jsonl", count=24)


def _arrow(path: Path, rows: list[dict[str, Any]], kind: str) -> None:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.Table.from_pylist(rows)
    if kind == "parquet":
        from pyarrow import parquet

        parquet.write_table(table, path)
        return
    new = arrow.ipc.new_file if kind == "arrow" else arrow.ipc.new_stream
    with new(str(path), table.schema) as writer:
        writer.write_table(table)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], Any]] = {
    "jsonl": lambda path, rows: path.write_text("".join(json.dumps(row) + "\n" for row in rows)),
    "json": lambda path, rows: path.write_text(json.dumps(rows)),
    "gz": lambda path, rows: path.write_bytes(gzip.compress(json.dumps(rows).encode())),
    "csv": lambda path, rows: path.write_text(
        "prompt,completion\n" + "".join(f"{r['prompt']},{r['completion']}\n" for r in rows)
    ),
    "parquet": lambda path, rows: _arrow(path, rows, "parquet"),
    "arrow": lambda path, rows: _arrow(path, rows, "arrow"),
    "stream": lambda path, rows: _arrow(path, rows, "stream"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_is_opened_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"task.{kind}"
    rows = [{"prompt": f"a {number}", "completion": f"b {number}"} for number in range(4)]
    WRITERS[kind](path, rows)
    with opens(path) as count:
        assert len(read_examples(path)) == 4
    assert count == [1]


def test_the_kernel_counts_what_opens_a_file(task: Path) -> None:
    """Negative control: a second opening, also one that Python does not see, is counted."""
    arrow = pytest.importorskip("pyarrow")
    with opens(task) as count:
        task.is_file()
        assert len(read_examples(task)) == 24
        arrow.OSFile(str(task)).close()
    assert count == [2]


@pytest.mark.parametrize(
    "command",
    [
        ("card", "--rank", "2", "--no-calibrate"),
        ("card", "--rank", "2", "--estimate"),
        ("doctor",),
        ("finetune", "--steps", "1", "--rank", "2", "--layers", "0", "--no-latency"),
        (
            *("compare", "--sizes", "2", "--placements", "3", "--singles", "1", "--seeds", "1"),
            *("--steps", "1", "--rank", "2", "--training-samples", "12", "--heldout-samples", "4"),
            *(word for name in BASELINES if name != "first-k" for word in ("--without", name)),
        ),
    ],
    ids=["card", "card --estimate", "doctor", "finetune", "compare"],
)
def test_every_command_opens_the_data_once(
    command: tuple[str, ...], gpt2_folder: Path, task: Path, tmp_path: Path
) -> None:
    given = ("--model", str(gpt2_folder), "--data", str(task), "--output-dir", str(tmp_path / "o"))
    with opens(task) as count:
        done = CliRunner().invoke(app, [*command, *given])
    assert done.exit_code == 0, done.output
    assert count == [1]

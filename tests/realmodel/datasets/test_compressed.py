"""A small file cannot fill the memory."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from realmodel.datasets import document
from theory import BlockQuadratic, InputError


def test_compressed_text_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * (2**20 + 1)))
    monkeypatch.setattr(document, "LARGEST", 2**20)
    with pytest.raises(InputError, match="holds more than 1 MiB of text"):
        document.Document.open(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"{}", mtime=0), "compressed twice"),
        (b"PAR1...\xff", "a Parquet file within gzip"),
    ],
)
def test_what_is_compressed_and_no_text(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=f"it is {message}.*; unpack it"):
        document.Document.open(path)


def test_compressed_arrays_are_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", gradient=np.zeros(9), curvature=np.zeros((9, 9)))
    with pytest.raises(InputError, match="it is compressed"):
        BlockQuadratic.load(tmp_path / "bomb.npz")

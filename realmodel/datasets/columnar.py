"""Parquet and Arrow files, by pyarrow (the extra ``data``)."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from realmodel.datasets.document import regular
from realmodel.datasets.table import Table
from theory import InputError

PARQUET, ARROW_FILE, ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
SUFFIXES = (".parquet", ".arrow", ".feather")


def recognises(path: Path) -> bool:
    """Whether the first bytes are those of Parquet or Arrow."""
    try:
        with regular(path).open("rb") as stream:
            return stream.read(6).startswith((PARQUET, ARROW_FILE, ARROW_STREAM))
    except OSError:
        return False  # the reader of texts says why


def table(path: Path) -> Table:
    """The rows of one file.

    Raises
    ------
    InputError
        When pyarrow is not installed or the file is damaged.
    """
    return Table(str(path), path.name, "row", enumerate(rows(path), start=1))


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Each row as a mapping, batch by batch."""
    try:
        arrow: Any = import_module("pyarrow")
        ipc: Any = import_module("pyarrow.ipc")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise InputError(
            f"data file {str(path)!r} needs pyarrow: run pip install 'layercard[data]'"
        ) from None
    with path.open("rb") as stream:
        magic = stream.read(6)
    try:
        if magic.startswith(PARQUET):
            found = parquet.read_table(path)
        elif magic.startswith(ARROW_FILE):
            found = ipc.open_file(path).read_all()
        else:
            with arrow.OSFile(str(path)) as stream:
                found = ipc.open_stream(stream).read_all()
    except (arrow.ArrowException, OSError) as error:
        told = " ".join(str(error).split())[:200].rstrip()
        raise InputError(f"data file {str(path)!r} is damaged: {told}") from None
    for batch in found.to_batches():
        try:
            yield from batch.to_pylist()
        except (arrow.ArrowException, UnicodeDecodeError, ValueError) as error:
            raise InputError(f"data file {str(path)!r} is damaged: {error}") from None

"""Parquet and Arrow files, by pyarrow (the extra ``data``)."""

from collections.abc import Iterator
from importlib import import_module
from io import BufferedReader
from pathlib import Path
from typing import Any

from realmodel.datasets.table import Table
from realmodel.runs.one_line import one_line
from theory import InputError

PARQUET, ARROW_FILE, ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
SUFFIXES = (".parquet", ".arrow", ".feather")


def recognises(stream: BufferedReader) -> bool:
    """Whether the first bytes, which stay to be read, are those of Parquet or Arrow."""
    return stream.peek(6).startswith((PARQUET, ARROW_FILE, ARROW_STREAM))


def table(path: Path, stream: BufferedReader) -> Table:
    """The rows of one open file, which is read to its end.

    Raises
    ------
    InputError
        When pyarrow is not installed or the file is damaged.
    """
    try:
        arrow: Any = import_module("pyarrow")
        ipc: Any = import_module("pyarrow.ipc")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise InputError(
            f"data file {str(path)!r} needs pyarrow: run pip install 'layercard[data]'"
        ) from None
    magic = stream.peek(6)
    try:
        if magic.startswith(PARQUET):
            found = parquet.read_table(stream)
        elif magic.startswith(ARROW_FILE):
            found = ipc.open_file(stream).read_all()
        else:
            found = ipc.open_stream(stream).read_all()
    except (arrow.ArrowException, OSError) as error:
        told = one_line(error).rstrip()
        raise InputError(f"data file {str(path)!r} is damaged: {told}") from None
    return Table(str(path), path.name, "row", enumerate(_rows(path, found), start=1))


def _rows(path: Path, table: Any) -> Iterator[dict[str, Any]]:
    """Each row as a mapping, batch by batch."""
    arrow: Any = import_module("pyarrow")
    for batch in table.to_batches():
        try:
            yield from batch.to_pylist()
        except (arrow.ArrowException, UnicodeDecodeError, ValueError) as error:
            raise InputError(f"data file {str(path)!r} is damaged: {error}") from None

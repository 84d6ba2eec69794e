"""The record of a sweep on disk: one line for each finished point, kept through a kill."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theory import InputError
from theory.read_json import parse_json

Row = dict[str, Any]


class Journal:
    """Append-only JSON lines: first the sweep's identity, then the rows of each finished point.

    A kill can cut the last line short; it is dropped when the file is opened again. A file without
    a finished point is removed at the end.

    Parameters
    ----------
    path
        The file; made, with its folder, if absent.
    identity
        What the sweep is (JSON): a file of another sweep is refused.

    Raises
    ------
    InputError
        If the file belongs to another sweep or is corrupt.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "sweep.jsonl"
    >>> with Journal(path, {"sweep": "squares"}) as journal:
    ...     journal.add(3, [{"square": 9}])
    >>> with Journal(path, {"sweep": "squares"}) as journal:
    ...     journal.finished
    {3: [{'square': 9}]}
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path, identity: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.finished: dict[int, list[Row]] = {}
        header = {"sweep": _digest(identity), **identity}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = self._read(header["sweep"]) if self.path.exists() else 0
        self._file = self.path.open("ab")
        self._file.truncate(kept)
        if kept == 0:
            self._write(header)

    def _read(self, digest: str) -> int:
        """Load the finished points; return how many bytes end in a whole line."""
        data = self.path.read_bytes()
        kept = data.rfind(b"\n") + 1
        lines = data[:kept].splitlines()
        try:
            records = [
                parse_json(line.decode(), str(self.path), "sweep's record") for line in lines
            ]
            if records and records[0]["sweep"] != digest:
                raise InputError(
                    f"{self.path} holds another sweep (other points, seed or version): "
                    "remove it or name another file"
                )
            self.finished = {record["point"]: record["rows"] for record in records[1:]}
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.path} is not a sweep's record: {error!r}") from None
        return kept

    def add(self, point: int, rows: list[Row]) -> None:
        """Record one finished point; when this returns, a kill of the process cannot lose it."""
        self._write({"point": point, "rows": rows})
        self.finished[point] = rows

    def _write(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, allow_nan=False).encode() + b"\n")
        self._file.flush()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync(self._file.fileno())
        self._file.close()
        if not self.finished:
            self.path.unlink()


def _digest(identity: Mapping[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

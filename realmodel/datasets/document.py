"""A data file in memory, plain or gzip, with its place kept for error messages."""

import gzip
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from theory import InputError

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Document:
    """The text of one data file.

    Parameters
    ----------
    path : Path
        The file, for messages and example ids.
    text : str
        Its whole content, decompressed.
    """

    path: Path
    text: str

    @classmethod
    def open(cls, path: str | Path) -> "Document":
        """Read a file; gzip is recognised by its first two bytes, not by its name.

        Raises
        ------
        InputError
            When the file is missing, empty, a damaged gzip stream or not UTF-8.
        """
        path = Path(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot read data file {str(path)!r}: {reason}") from None
        if data.startswith(GZIP_MAGIC):
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise InputError(f"data file {str(path)!r} is damaged gzip: {error}") from None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"data file {str(path)!r} is not UTF-8 text: {error}") from None
        if not text.strip():
            raise InputError(f"data file {str(path)!r} is empty; give a file with examples")
        return cls(path, text)

    @property
    def name(self) -> str:
        """File name without folders and ``.gz``."""
        return self.path.name.removesuffix(".gz")

    @cached_property
    def json(self) -> Any:
        """The content as one JSON value, or None when it is not one."""
        try:
            return json.loads(self.text)
        except json.JSONDecodeError:
            return None

    @cached_property
    def lines(self) -> tuple[tuple[int, str], ...]:
        """The lines that are not blank, each with its number counted from 1."""
        numbered = enumerate(self.text.split("\n"), start=1)
        return tuple((number, line.rstrip("\r")) for number, line in numbered if line.strip())

    def error(self, place: str, problem: str) -> InputError:
        """An error that names this file and the place in it."""
        return InputError(f"{self.path}: {place}: {problem}")

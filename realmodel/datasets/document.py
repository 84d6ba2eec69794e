"""A data file in memory, plain or gzip, with its place kept for error messages."""

import csv
import gzip
import io
import re
import sys
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from realmodel.datasets.strict_json import parse_json
from theory import InputError

LARGEST = 2**30
"""Bytes of text in one compressed file: what is beyond is no task, and a bomb fills the memory."""

GZIP_MAGIC = b"\x1f\x8b"
# First bytes of what people pass by mistake, and what to do with it.
FOREIGN = {
    b"PAR1": "a Parquet file within gzip; unpack it",
    b"\x1f\x8b": "compressed twice; unpack it",
    b"PK\x03\x04": "a zip archive (or a spreadsheet); unpack it, or save it as CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it",
    b"\xfd7zXZ": "compressed with xz; unpack it",
    b"BZh": "compressed with bzip2; unpack it",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}
LINE_END = re.compile(r"\r\n|\n|\r")


def regular(path: Path) -> Path:
    """The path, if it is a regular file (a pipe or a device would never end).

    Raises
    ------
    InputError
        When it is missing or of another kind.
    """
    try:
        if not path.is_file():
            path.stat()  # raises with the reason when there is none
            raise InputError(f"cannot read data file {str(path)!r}: it is not a regular file")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read data file {shown(path)}: {reason(error)}") from None
    return path


@contextmanager
def opened(path: Path) -> Generator[io.BufferedReader]:
    """The bytes of a data file, which are read from here and from nowhere else.

    Raises
    ------
    InputError
        When it is missing, of another kind, or cannot be read.
    """
    try:
        with regular(path).open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"cannot read data file {shown(path)}: {reason(error)}") from None


def shown(path: str | Path) -> str:
    """A path for a message: a very long one is cut."""
    text = repr(str(path))
    return text if len(text) <= 300 else f"{text[:300]}..."


def reason(error: Exception) -> str:
    """What an operating system error says, without its number and path."""
    return getattr(error, "strerror", None) or str(error)


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
        """Read a file.

        Raises
        ------
        InputError
            When the file is missing or no regular file, or as :meth:`of_bytes`.
        """
        with opened(Path(path)) as stream:
            return cls.of_bytes(Path(path), stream.read())

    @classmethod
    def of_bytes(cls, path: Path, data: bytes) -> "Document":
        """The text; gzip is recognised by its first two bytes, not by the file's name.

        Raises
        ------
        InputError
            When it is empty, a damaged gzip stream or one of more than 1 GiB, or not UTF-8.
        """
        if data.startswith(GZIP_MAGIC):
            try:
                with gzip.open(io.BytesIO(data)) as stream:
                    data = stream.read(LARGEST + 1)
                if len(data) > LARGEST:
                    raise InputError(
                        f"data file {str(path)!r} holds more than {LARGEST >> 20} MiB of text: "
                        "unpack it and split it, or give a sample"
                    )
            except (OSError, EOFError, zlib.error) as error:
                raise InputError(f"data file {str(path)!r} is damaged gzip: {error}") from None
        kind = next((kind for magic, kind in FOREIGN.items() if data.startswith(magic)), None)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            told = f": it is {kind}" if kind else f" text: {error}"
            raise InputError(f"data file {str(path)!r} is not UTF-8{told}") from None
        if kind is not None:
            raise InputError(f"data file {str(path)!r} is {kind}")
        if not text.strip():
            raise InputError(f"data file {str(path)!r} is empty; give a file with examples")
        return cls(path, text)

    @property
    def name(self) -> str:
        """File name without folders and ``.gz``."""
        return self.path.name.removesuffix(".gz")

    @property
    def suffix(self) -> str:
        """Last suffix in lower case, without ``.gz``."""
        return Path(self.name).suffix.lower()

    @cached_property
    def json(self) -> Any:
        """The content as one JSON value, or None when it is not one."""
        try:
            return parse_json(self.text)
        except ValueError:
            return None

    @cached_property
    def lines(self) -> tuple[tuple[int, str], ...]:
        """The lines that are not blank, each with its number counted from 1."""
        numbered = enumerate(LINE_END.split(self.text), start=1)
        return tuple((number, line) for number, line in numbered if line.strip())

    def records(self, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
        """The CSV records that are not blank, header first, each with the number of its last line.

        Raises
        ------
        InputError
            Where the text is not CSV.
        """
        # Texts are longer than csv's default of 128 KiB; the file is in memory anyway.
        csv.field_size_limit(sys.maxsize)
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=delimiter, strict=True)
        try:
            for record in reader:
                if any(cell.strip() for cell in record):
                    yield reader.line_num, record
        except csv.Error as error:
            raise self.error(f"line {reader.line_num}", f"not CSV ({error})") from None

    def error(self, place: str, problem: str) -> InputError:
        """An error that names this file and the place in it."""
        return InputError(f"{self.path}: {place}: {problem}")

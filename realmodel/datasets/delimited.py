"""CSV and TSV with a header line."""

import csv
from collections.abc import Iterator
from typing import Any

from realmodel.datasets.document import Document
from realmodel.datasets.options import ReadOptions
from realmodel.datasets.schema import FIELDS
from realmodel.datasets.table import Table
from theory import InputError

DELIMITERS = ",\t;"
SUFFIXES = (".csv", ".tsv")


def recognises(document: Document) -> bool:
    """Whether the name says so, or the first line is a header with a known column."""
    return document.suffix in SUFFIXES or bool(known(header(document, delimiter(document))))


def delimiter(document: Document) -> str:
    """The delimiter that finds known columns, else the one that finds most columns."""
    return max(
        DELIMITERS,
        key=lambda mark: (len(known(header(document, mark))), len(header(document, mark))),
    )


def header(document: Document, mark: str) -> list[str]:
    """Column names, if the first line were split at ``mark``."""
    try:
        names = next(csv.reader([document.lines[0][1]], delimiter=mark))
    except csv.Error:
        return []
    return [name.strip() for name in names]


def known(names: list[str]) -> frozenset[str]:
    """The names that a schema looks for; one alone is no table but a word of prose."""
    return FIELDS & set(names)


def table(document: Document, options: ReadOptions) -> Table:
    """The rows; an empty cell is a field that is absent."""
    return Table(str(document.path), document.name, "line", rows(document, delimiter(document)))


def rows(document: Document, mark: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each record with the number of its last line."""
    names = header(document, mark)
    # The first column may have no name: what pandas writes as the index of each row.
    if len(set(names)) < len(names) or not all(names[1:]) or not any(names):
        raise InputError(
            f"{document.path}: line {document.lines[0][0]}: the header {names} must name each "
            "column once; name them in the first line"
        )
    records = document.records(mark)
    next(records)
    for number, record in records:
        if len(record) != len(names):
            raise document.error(
                f"line {number}",
                f"{len(record)} cells under {len(names)} columns {names}; quote cells that hold "
                f"{mark!r}",
            )
        cells = zip(names, record, strict=True)
        yield number, {name: cell if cell.strip() else None for name, cell in cells}

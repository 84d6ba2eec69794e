"""Rows of JSON: one object a line, one array, or an array inside an object."""

from collections.abc import Iterator
from typing import Any

from realmodel.datasets.document import Document
from realmodel.datasets.options import ReadOptions
from realmodel.datasets.schema import FIELDS
from realmodel.datasets.strict_json import parse_json
from realmodel.datasets.table import Table
from theory import InputError


def recognises(document: Document) -> bool:
    """Whether the file starts like JSON objects or an array."""
    return document.text.lstrip()[0] in "[{"


def table(document: Document, options: ReadOptions) -> Table:
    """The rows, found in whichever of the three forms the file has.

    Raises
    ------
    InputError
        When the file is one JSON value that holds no list of objects.
    """
    value = document.json
    if value is None and document.text.lstrip().startswith("["):
        raise InputError(f"data file {str(document.path)!r} is not JSON: {problem(document.text)}")
    if value is None or (isinstance(value, dict) and FIELDS & value.keys() and is_row(value)):
        return Table(str(document.path), document.name, "line", lines(document))
    rows = value if isinstance(value, list) else wrapped(document, value, options)
    return Table(str(document.path), document.name, "row", enumerate(rows, start=1))


def lines(document: Document) -> Iterator[tuple[int, Any]]:
    """One value a line, each with its number."""
    if isinstance(document.json, dict):  # one row, perhaps over several lines
        yield document.lines[0][0], document.json
        return
    for number, line in document.lines:
        try:
            yield number, parse_json(line)
        except ValueError as error:
            raise document.error(f"line {number}", f"not JSON ({error})") from None


def is_row(value: dict[str, Any]) -> bool:
    """Whether an object is a row itself rather than a column of values per name."""
    return not columns_of(value)


def columns_of(value: dict[str, Any]) -> bool:
    """Whether every value is a list of one length, of texts or conversations: a column."""
    lists = [column for column in value.values() if isinstance(column, list)]
    if len(lists) < len(value) or len({len(column) for column in lists}) != 1:
        return False
    return not any(isinstance(cell, dict) for column in lists for cell in column)


def wrapped(document: Document, value: dict[str, Any], options: ReadOptions) -> list[Any]:
    """The rows inside an object: its one list of objects, the split asked for, or its columns."""
    lists = {
        name: rows
        for name, rows in value.items()
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)
    }
    if options.split is not None and options.split not in lists:
        raise InputError(f"{document.path}: no split {options.split!r}; it has {sorted(lists)}")
    if options.split is not None or len(lists) == 1 or "train" in lists:
        name = options.split or ("train" if "train" in lists else next(iter(lists)))
        rows = lists[name]
        # The hub's viewer wraps each row once more.
        return [row["row"] if row.keys() >= {"row", "row_idx"} else row for row in rows]
    if lists:
        raise InputError(f"{document.path}: lists {sorted(lists)}; name the split to read")
    if value and columns_of(value):
        return [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]
    raise InputError(
        f"data file {str(document.path)!r} is an object with fields {sorted(value)[:12]} and no "
        "list of rows; give a list of objects, or one object a line"
    )


def problem(text: str) -> str:
    """Why a text is not JSON."""
    try:
        parse_json(text)
    except ValueError as error:
        return str(error)
    return "it is null"

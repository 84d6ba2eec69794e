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
        When an array is no JSON, or an object holds several lists and none is named.
    """
    value = document.json
    source, name = str(document.path), document.name
    if isinstance(value, list):
        return Table(source, name, "row", enumerate(value, start=1))
    if value is None and document.text.lstrip().startswith("["):
        raise InputError(f"data file {source!r} is not JSON: {problem(document.text)}")
    rows = None if value is None else wrapped(document, value, options)
    if rows is None:
        return Table(source, name, "line", lines(document))
    return Table(source, name, "row", enumerate(rows, start=1))


def lines(document: Document) -> Iterator[tuple[int, Any]]:
    """One value a line, each with its number."""
    if isinstance(document.json, dict):  # one row, perhaps over several lines
        yield document.lines[0][0], document.json
        return
    for number, line in document.lines:
        try:
            yield number, parse_json(line)
        except ValueError as error:
            raise document.error(
                f"line {number}", f"not JSON ({error}); give one object a line, or one array of all"
            ) from None


def wrapped(
    document: Document, value: dict[str, Any], options: ReadOptions
) -> list[dict[str, Any]] | None:
    """The rows inside an object, or None when the object is itself a row.

    They are its one list of objects, the split asked for, or its columns.
    """
    if is_columns(value):
        return [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]
    lists = lists_in(value)
    if not lists:
        return None
    name = options.split or ("train" if "train" in lists else next(iter(lists)))
    if name not in lists or (len(lists) > 1 and name != (options.split or "train")):
        raise InputError(f"{document.path}: lists {sorted(lists)}; name the split to read")
    # The hub's viewer wraps each row once more.
    return [row["row"] if row.keys() >= {"row", "row_idx"} else row for row in lists[name]]


def lists_in(value: Any) -> dict[str, list[dict[str, Any]]]:
    """The lists of rows inside an object, by their names: splits, where there are several."""
    if not isinstance(value, dict) or is_columns(value) or FIELDS & value.keys():
        return {}
    return {
        name: rows
        for name, rows in value.items()
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)
    }


def is_columns(value: dict[str, Any]) -> bool:
    """Whether every value is a list of one length without objects: a column of texts."""
    lists = [column for column in value.values() if isinstance(column, list) and column]
    if not value or len(lists) < len(value) or len({len(column) for column in lists}) != 1:
        return False
    return not any(isinstance(cell, dict) for column in lists for cell in column)


def problem(text: str) -> str:
    """Why a text is not JSON."""
    try:
        parse_json(text)
    except ValueError as error:
        return str(error)
    return "it is null"

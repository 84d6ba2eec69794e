"""Rows of prompt/completion, instruction/output or question/answer: JSONL or one JSON array."""

import json
from collections.abc import Iterator
from typing import Any

from realmodel.datasets.document import Document
from realmodel.datasets.example import Example

# Prompt field -> completion field. Only prompt/completion rows are concatenated as they are.
FIELDS = {"prompt": "completion", "instruction": "output", "question": "answer"}


def recognises(document: Document) -> bool:
    """Whether the first row is a JSON object with a known prompt field."""
    rows = document.json
    if isinstance(rows, list):
        first = rows[0] if rows else None
    else:
        try:
            first = json.loads(document.lines[0][1])
        except json.JSONDecodeError:
            return False
    return isinstance(first, dict) and any(field in first for field in FIELDS)


def parse(document: Document) -> Iterator[Example]:
    """One example a row."""
    for place, row in rows(document):
        prompt_field = next((field for field in FIELDS if field in row), None)
        if prompt_field is None:
            wanted = ", ".join(f"{prompt}/{completion}" for prompt, completion in FIELDS.items())
            raise document.error(place, f"has fields {sorted(row)}; expected {wanted}")
        number = place.split()[-1]
        prompt = str(row[prompt_field] or "")
        completion = str(row.get(FIELDS[prompt_field]) or "")
        for field, text in ((prompt_field, prompt), (FIELDS[prompt_field], completion)):
            if not text.strip():
                raise document.error(place, f"no {field}; every row needs one")
        if prompt_field != "prompt":
            extra = str(row.get("input") or "").strip()
            prompt = "\n".join(part for part in (prompt.strip(), extra) if part) + "\n"
            completion = completion.strip()
        yield Example(f"{document.name}:{number}", prompt, completion)


def rows(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its place: ``row 3`` of an array or ``line 3`` of JSONL."""
    if isinstance(document.json, list):
        for number, row in enumerate(document.json, start=1):
            yield f"row {number}", checked(document, f"row {number}", row)
        return
    for number, line in document.lines:
        place = f"line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise document.error(place, f"not JSON ({error})") from None
        yield place, checked(document, place, row)


def checked(document: Document, place: str, row: Any) -> dict[str, Any]:
    """The row, if it is a JSON object."""
    if not isinstance(row, dict):
        raise document.error(place, f"expected a JSON object, got {row!r}")
    return row

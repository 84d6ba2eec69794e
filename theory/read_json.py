"""Read JSON that a stranger may have written: a regular file, finite numbers, no abyss."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from theory.errors import InputError

DEEPEST: Final = 64
"""Levels of nesting: ours have ten, and Python's own encoder fails near a thousand."""

LARGEST: Final = 1e150
"""Numbers whose square would overflow come from no measurement."""

WHOLE: Final = 2**63 - 1
"""Integers that NumPy and torch can hold."""


def read_json(path: str | Path, what: str) -> Any:
    """The JSON value in a regular file.

    Parameters
    ----------
    path : path
    what : str
        What it should be, for the message: "card", "placement".

    Raises
    ------
    InputError
        If it is no regular file (a pipe would hang, a device never end), cannot be read, is not
        UTF-8 or JSON, is nested too deeply, or holds NaN, infinity, a number beyond 1e150 or an
        integer beyond 64 bits.
    """
    path = Path(path)
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            why = "it is a folder" if stat.S_ISDIR(kind) else "it is not a regular file"
            raise InputError(f"cannot read the {what} {str(path)!r}: {why}")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot read the {what} {str(path)!r}: {error.strerror or error}"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read the {what} {str(path)!r}: {error}") from error
    return parse_json(text, str(path), what)


def parse_json(text: str, source: str, what: str) -> Any:
    """The value of JSON text; refusals as :func:`read_json`.

    Examples
    --------
    >>> parse_json('{"gain": [1e400]}', "card.json", "card")
    Traceback (most recent call last):
    ...
    theory.errors.InputError: 'card.json' is not a card: inf at gain/0 is too large a number
    """

    def refuse(name: str) -> float:
        raise InputError(f"{source!r} is not a {what}: it holds {name}, which is no JSON number")

    try:
        value = json.loads(text, parse_constant=refuse)
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{source!r} is not a {what}: it is nested too deeply") from None
    except ValueError as error:  # also an integer of more digits than Python converts
        raise InputError(f"{source!r} is not a {what}: invalid JSON, {error}") from error
    for where, found in _leaves(value):
        if len(where) > DEEPEST:
            raise InputError(f"{source!r} is not a {what}: it is nested too deeply")
        if isinstance(found, str) and not _encodable(found):
            raise InputError(f"{source!r} is not a {what}: it holds half of a surrogate pair")
        limit = LARGEST if isinstance(found, float) else WHOLE
        if isinstance(found, int | float) and not -limit <= found <= limit:
            shown = found if isinstance(found, float) else "an integer of too many digits"
            raise InputError(
                f"{source!r} is not a {what}: {shown} at {'/'.join(map(str, where))} is too large "
                "a number"
            )
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _leaves(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every key, number and string with its path; stops just beyond the deepest level."""
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack:
        where, found = stack.pop()
        if isinstance(found, dict | list) and len(where) <= DEEPEST:
            items = found.items() if isinstance(found, dict) else enumerate(found)
            stack.extend(((*where, key), item) for key, item in items)
            if isinstance(found, dict):
                yield from ((where, key) for key in found)
        else:
            yield where, found

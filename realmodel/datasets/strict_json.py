"""JSON as the standard means it: no repeated names, no nesting that exhausts the stack."""

import json
from typing import Any


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    ``NaN`` and ``Infinity``, which are not JSON, are read as numbers: the row that holds them is
    refused by name when the number is to be trained on.

    Raises
    ------
    ValueError
        When the text is not JSON, names a field twice, nests too deeply or holds an integer too
        long to convert; the message is one sentence.

    Examples
    --------
    >>> parse_json('{"a": [1, true]}')
    {'a': [1, True]}
    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
        ...
    ValueError: field 'a' is given twice
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise ValueError("it holds an integer of thousands of digits") from None
        raise


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in made if names.count(name) > 1)
        raise ValueError(f"field {twice!r} is given twice")
    return made

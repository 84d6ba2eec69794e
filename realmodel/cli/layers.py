"""Layers as a user writes them."""

import re

from theory import InputError

HIGHEST = 9_999
"""No model has a layer beyond it, so no range is expanded further."""


def parse_layers(text: str) -> tuple[int, ...]:
    """Read ``0-5,8``.

    Raises
    ------
    InputError
        When a part is neither an index nor a range, a range runs backwards, or a layer is beyond
        those of any model.

    Examples
    --------
    >>> parse_layers("0-2,8")
    (0, 1, 2, 8)
    """
    quoted = repr(text if len(text) <= 80 else f"{text[:80]}...")
    found: dict[int, None] = {}
    for part in text.split(","):
        read = re.fullmatch(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?", part)
        if read is None:
            raise InputError(f"layers {quoted}: write indices and ranges, such as 0-5,8")
        ends = [end.lstrip("0") or "0" for end in (read[1], read[2] or read[1])]
        if any(len(end) > len(str(HIGHEST)) for end in ends):
            raise InputError(f"layers {quoted}: no model has layers beyond {HIGHEST}")
        first, last = map(int, ends)
        if first > last:
            raise InputError(f"layers {quoted}: the range {first}-{last} runs backwards")
        found |= dict.fromkeys(range(first, last + 1))
    return tuple(found)

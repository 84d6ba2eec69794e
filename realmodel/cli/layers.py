"""Layers as a user writes them."""

from theory import InputError


def parse_layers(text: str) -> tuple[int, ...]:
    """Read ``0-5,8``.

    Raises
    ------
    InputError
        When a part is neither an index nor a range, or a range is empty.

    Examples
    --------
    >>> parse_layers("0-2,8")
    (0, 1, 2, 8)
    """
    found: list[int] = []
    for part in text.split(","):
        ends = part.strip().split("-")
        if not all(end.isdigit() for end in ends) or len(ends) > 2:
            raise InputError(f"layers {text!r}: write indices and ranges, such as 0-5,8")
        found += range(int(ends[0]), int(ends[-1]) + 1)
    if not found:
        raise InputError(f"layers {text!r} name no layer")
    return tuple(dict.fromkeys(found))

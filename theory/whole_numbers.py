"""Numbers of layers, coordinates and steps: integers, neither booleans nor floats."""

from collections.abc import Iterable

import numpy as np

from theory.errors import InputError


def whole_number(value: object, name: str, least: int) -> int:
    """Check that ``value`` is an integer of at least ``least``, Python's or NumPy's.

    Raises
    ------
    InputError
        It is not.

    Examples
    --------
    >>> whole_number(3, "gap", 1)
    3
    """
    found = _integer(value)
    if found is None or found < least:
        raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return found


def whole_numbers(values: Iterable[object], name: str) -> tuple[int, ...]:
    """Check that all are integers. A mask of booleans is not a set of layers: its indices are.

    Raises
    ------
    InputError
        One is not, or there is no sequence.

    Examples
    --------
    >>> whole_numbers([2, 0], "layers")
    (2, 0)
    """
    try:
        found = list(values)
    except TypeError:
        raise InputError(f"{name} must be a sequence of whole numbers, not {values!r}") from None
    whole = tuple(number for value in found if (number := _integer(value)) is not None)
    if len(whole) < len(found):
        raise InputError(f"{name} must be whole numbers, not {found!r}")
    return whole


def _integer(value: object) -> int | None:
    # NumPy's booleans are no np.integer; Python's are int.
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    return None

"""Numbers of layers, coordinates and steps: integers, neither booleans nor floats."""

from collections.abc import Sequence

import numpy as np

from theory.errors import InputError


def whole_number(value: int, name: str, least: int) -> int:
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
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
    if not whole or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def whole_numbers(values: Sequence[int], name: str) -> tuple[int, ...]:
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
    for value in found:
        if not isinstance(value, int | np.integer) or isinstance(value, bool | np.bool_):
            raise InputError(f"{name} must be whole numbers, not {found!r}")
    return tuple(int(value) for value in found)

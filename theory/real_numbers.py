"""Rates, dampings and shares: numbers, not the text or the flag that stands for one."""

from math import inf

import numpy as np

from theory.errors import InputError


def real_number(value: object, name: str) -> float:
    """Check that ``value`` is a number, Python's or NumPy's; its range is the caller's matter.

    Raises
    ------
    InputError
        It is not, or it is an integer beyond every float.

    Examples
    --------
    >>> real_number(np.float32(0.5), "damping")
    0.5
    >>> real_number("0.5", "damping")
    Traceback (most recent call last):
    ...
    theory.errors.InputError: damping must be a number, not '0.5'
    """
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise InputError(f"{name} must be at most 1e308 in size, not longer") from None
    raise InputError(f"{name} must be a number, not {value!r}")


def finite_nonnegative(value: object, name: str) -> float:
    """Check that ``value`` is a finite number and not negative, as what is added to a diagonal is.

    Raises
    ------
    InputError
        It is not.

    Examples
    --------
    >>> finite_nonnegative(0, "ridge")
    0.0
    >>> finite_nonnegative(-1.0, "ridge")
    Traceback (most recent call last):
    ...
    theory.errors.InputError: ridge must not be negative, got -1.0
    """
    found = real_number(value, name)
    if not 0 <= found < inf:
        problem = "not be negative" if found < 0 else "be finite"
        raise InputError(f"{name} must {problem}, got {value}")
    return found

"""Rates, dampings and shares: numbers, not the text or the flag that stands for one."""

import numpy as np

from theory.errors import InputError


def real_number(value: object, name: str) -> float:
    """Check that ``value`` is a number, Python's or NumPy's; its range is the caller's matter.

    Raises
    ------
    InputError
        It is not.

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
        return float(value)
    raise InputError(f"{name} must be a number, not {value!r}")

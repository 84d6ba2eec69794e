"""What greedy reaches in the number of steps that it takes (12f)."""

import numpy as np

from theory.arrays import Array

Scalars = Array | float


def greedy_lower_by_steps(gamma: Scalars, size: int, best: Scalars) -> Scalars:
    """12f: ``size`` steps gain at least ``1 - (1 - gamma / size)^size`` of the best set of as many.

    Never below 8a's ``1 - e^{-gamma}``; nothing when ``gamma <= 0``. ``gamma`` is a lower bound on
    ``1 + mu_min``, at most 1.

    Examples
    --------
    >>> [round(float(greedy_lower_by_steps(0.5, size, 1.0)), 6) for size in (1, 2)]
    [0.5, 0.4375]
    """
    share = np.clip(gamma, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        left = size * np.log1p(-share / size)
    return np.asarray(-np.expm1(left) * best, dtype=np.float64)

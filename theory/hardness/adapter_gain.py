"""What a linear adapter can gain, from its residual norm (3a-3c); every function broadcasts."""

import numpy as np

from theory.arrays import Array

Scalars = Array | float


def best_gain(residual_norm: Scalars) -> Scalars:
    """3a: the largest decrease of the loss is ``Res^2 / 2``."""
    return 0.5 * residual_norm**2


def rank_gain(singular_values: Array, rank: int) -> Array:
    """3c: with rank at most ``rank``, half the sum of the largest squared singular values."""
    return np.asarray(0.5 * np.sum(singular_values[..., :rank] ** 2, axis=-1), dtype=np.float64)


def residual_norm_lower(slope: Scalars, largest: Scalars) -> Scalars:
    """3b: ``Res >= ||C||_F / sqrt(lambda_max)``."""
    return slope / np.sqrt(largest)


def residual_norm_upper(slope: Scalars, smallest: Scalars) -> Scalars:
    """3b: ``Res <= ||C||_F / sqrt(lambda_min)``."""
    return slope / np.sqrt(smallest)

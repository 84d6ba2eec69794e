"""The spectral norm of a symmetric matrix, by Lanczos where it is large."""

import numpy as np
from scipy.linalg import blas, eigvalsh

from theory.arrays import Array, Float64
from theory.quadratic.block_quadratic import DENSE_UP_TO
from theory.quadratic.largest_eigenvalue import largest_eigenvalue


def spectral_norm(matrix: Float64[Array, "n n"]) -> float:
    """Largest absolute eigenvalue of a symmetric matrix.

    LAPACK up to 500 rows; above, Lanczos on the square, which has both ends on one side, to an
    estimated relative error of 1e-8.

    Examples
    --------
    >>> round(spectral_norm(np.array([[0.0, -2.0], [-2.0, 0.0]])), 12)
    2.0
    """
    if len(matrix) <= DENSE_UP_TO:
        values = eigvalsh(matrix, check_finite=False)
        return float(max(-values[0], values[-1]))
    scale = float(np.abs(matrix).max())
    if scale == 0:
        return 0.0
    unit = (matrix / scale).T  # columns for BLAS; symmetric, so at no cost
    single = unit.astype(np.float32)

    def square(v: Array) -> Array:
        return np.asarray(blas.dsymv(1.0, unit, blas.dsymv(1.0, unit, v)))

    def rough(v: Array) -> Array:
        return np.asarray(blas.ssymv(1.0, single, blas.ssymv(1.0, single, v)), dtype=np.float64)

    start = np.random.default_rng(0).standard_normal(len(matrix))
    return scale * float(np.sqrt(largest_eigenvalue(square, start, rough)[0]))

"""Both ends of the spectrum of a symmetric matrix."""

import numpy as np
from scipy.linalg import eigvalsh
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from theory.arrays import Array, Float64

DENSE_UP_TO = 500
RELATIVE_TOLERANCE = 1e-10


def extreme_eigenvalues(matrix: Float64[Array, "n n"]) -> tuple[float, float]:
    """Smallest and largest eigenvalue.

    Up to 500 rows by LAPACK (accurate to ``n eps ||matrix||``); above by Lanczos to a relative
    tolerance of 1e-10, with LAPACK as the answer to no convergence.

    Examples
    --------
    >>> low, high = extreme_eigenvalues(np.array([[0.0, 0.5], [0.5, 0.0]]))
    >>> bool(np.isclose(low, -0.5)), bool(np.isclose(high, 0.5))
    (True, True)
    """
    if len(matrix) > DENSE_UP_TO and matrix.any():
        start = np.random.default_rng(0).standard_normal(len(matrix))
        try:
            ends = eigsh(
                matrix,
                k=2,
                which="BE",
                tol=RELATIVE_TOLERANCE,
                v0=start,
                return_eigenvectors=False,
            )
            return float(ends.min()), float(ends.max())
        except ArpackNoConvergence:
            pass
    values = eigvalsh(matrix, check_finite=False)
    return float(values[0]), float(values[-1])

"""The largest eigenvalue of a symmetric operator, by Lanczos."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh_tridiagonal

from theory.arrays import Array

RELATIVE_ERROR = 1e-9
CHECK_EVERY = 10


def largest_eigenvalue(matvec: Callable[[Array], Array], dimension: int) -> float:
    """Largest eigenvalue, to a relative error of about 1e-9, from matrix-vector products.

    Lanczos from a fixed random vector with full reorthogonalisation. A Ritz value whose residual
    is ``r`` and which is ``d`` away from the next one errs by about ``r^2 / d`` (Parlett, *The
    Symmetric Eigenvalue Problem*, 11.7), always to the low side.

    Examples
    --------
    >>> A = np.diag(np.linspace(0.0, 1.0, 600))
    >>> bool(abs(largest_eigenvalue(lambda v: A @ v, 600) - 1.0) < 1e-8)
    True
    """
    start = np.random.default_rng(0).standard_normal(dimension)
    basis = np.empty((dimension + 1, dimension))
    basis[0] = start / np.linalg.norm(start)
    diagonal, beside = np.zeros(dimension), np.zeros(dimension)
    for k in range(dimension):
        w = matvec(basis[k])
        diagonal[k] = basis[k] @ w
        for _ in range(2):
            w = w - basis[: k + 1].T @ (basis[: k + 1] @ w)
        beside[k] = np.linalg.norm(w)
        size = float(np.abs(diagonal[: k + 1]).max() + beside[: k + 1].max())
        exhausted = k + 1 == dimension or beside[k] <= 1e-14 * size
        if exhausted or (k + 1) % CHECK_EVERY == 0:
            values, vectors = eigh_tridiagonal(diagonal[: k + 1], beside[:k])
            residual = beside[k] * abs(vectors[-1, -1])
            distance = values[-1] - values[-2] if k else np.inf
            error = min(residual, residual**2 / distance) if distance > 0 else residual
            if exhausted or error <= RELATIVE_ERROR * abs(values[-1]):
                return float(values[-1])
        basis[k + 1] = w / beside[k]
    raise AssertionError("unreachable: a Krylov space ends at the dimension")

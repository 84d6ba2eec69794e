"""The largest eigenvalue of a symmetric operator, by Lanczos."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh_tridiagonal

from theory.arrays import Array
from theory.quadratic.positive_factor import EPS

RELATIVE_ERROR = 1e-8
CHECK_EVERY = 5
AT_LEAST = 10


def largest_eigenvalue(
    matvec: Callable[[Array], Array], start: Array, rough: Callable[[Array], Array] | None = None
) -> tuple[float, Array]:
    """Largest eigenvalue, to an estimated relative error of 1e-8, from matrix-vector products.

    Lanczos with full reorthogonalisation. A Ritz value whose residual is ``r`` and which is ``d``
    away from the next one errs by about ``r^2 / d`` (Parlett, *The Symmetric Eigenvalue Problem*,
    11.7), always to the low side. The error is of second order in the vector, so that a vector
    found in single precision is good enough for a value in double precision.

    Parameters
    ----------
    matvec
        The operator.
    start
        A vector with a part along the wanted eigenvector, shape (n,): random, or a guess.
    rough
        The operator again, faster and less exact. The iteration runs on it; value and residual
        are taken with ``matvec``, and where they do not reach the error, it runs on ``matvec``.

    Returns
    -------
    tuple
        The eigenvalue, and the Ritz vector of the *smallest* Ritz value: a guess for the other end.

    Examples
    --------
    >>> diagonal = np.linspace(0.0, 1.0, 600)
    >>> value, _ = largest_eigenvalue(lambda v: diagonal * v, np.ones(600))
    >>> bool(abs(value - 1.0) < 1e-7)
    True
    """
    value, distance, highest, lowest = _lanczos(rough or matvec, start)
    if rough is None:
        return value, lowest
    image = matvec(highest)
    value = float(highest @ image)
    residual = float(np.linalg.norm(image - value * highest))
    if _error(residual, distance) <= RELATIVE_ERROR * abs(value):
        return value, lowest
    return largest_eigenvalue(matvec, highest)


def _error(residual: float, distance: float) -> float:
    return min(residual, residual**2 / distance) if distance > 0 else residual


def _lanczos(matvec: Callable[[Array], Array], start: Array) -> tuple[float, float, Array, Array]:
    """Largest Ritz value, its distance to the next, and the vectors of both ends."""
    dimension = len(start)
    basis = np.empty((dimension + 1, dimension))
    basis[0] = start / np.linalg.norm(start)
    diagonal, beside = np.zeros(dimension), np.zeros(dimension)
    for k in range(dimension):
        w = np.array(matvec(basis[k]), dtype=np.float64)
        diagonal[k] = basis[k] @ w
        w -= diagonal[k] * basis[k]
        if k:
            w -= beside[k - 1] * basis[k - 1]
        known, length, before = basis[: k + 1], float(np.linalg.norm(w)), np.inf
        # Again while it takes away much of what was left (Kahan: twice is enough).
        while length < 0.7 * before:
            w -= (known @ w) @ known
            length, before = float(np.linalg.norm(w)), length
        beside[k] = length
        size = float(np.abs(diagonal[: k + 1]).max() + beside[: k + 1].max())
        exhausted = k + 1 == dimension or beside[k] <= dimension * EPS * size
        if exhausted or (k + 1 >= AT_LEAST and (k + 1) % CHECK_EVERY == 0):
            values, vectors = eigh_tridiagonal(diagonal[: k + 1], beside[:k])
            residual = beside[k] * abs(vectors[-1, -1])
            distance = float(values[-1] - values[-2]) if k else np.inf
            if exhausted or _error(residual, distance) <= RELATIVE_ERROR * abs(values[-1]):
                return float(values[-1]), distance, vectors[:, -1] @ known, vectors[:, 0] @ known
        basis[k + 1] = w / beside[k]
    raise AssertionError("unreachable: a Krylov space ends at the dimension")

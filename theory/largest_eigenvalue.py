"""The largest eigenvalue of a symmetric operator, by Lanczos."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh_tridiagonal

from theory.arrays import Array
from theory.positive_factor import EPS

RELATIVE_ERROR = 1e-8
CHECK_EVERY = 5
AT_LEAST = 10


def largest_eigenvalue(matvec: Callable[[Array], Array], start: Array) -> tuple[float, Array]:
    """Largest eigenvalue, to a estimated relative error of 1e-8, from matrix-vector products.

    Lanczos with full reorthogonalisation. A Ritz value whose residual is ``r`` and which is ``d``
    away from the next one errs by about ``r^2 / d`` (Parlett, *The Symmetric Eigenvalue Problem*,
    11.7), always to the low side.

    Parameters
    ----------
    matvec
        The operator.
    start
        A vector with a part along the wanted eigenvector, shape (n,): random, or a guess.

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
    dimension = len(start)
    basis = np.empty((dimension + 1, dimension))
    basis[0] = start / np.linalg.norm(start)
    diagonal, beside = np.zeros(dimension), np.zeros(dimension)
    for k in range(dimension):
        w = np.array(matvec(basis[k]))
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
            distance = values[-1] - values[-2] if k else np.inf
            error = min(residual, residual**2 / distance) if distance > 0 else residual
            if exhausted or error <= RELATIVE_ERROR * abs(values[-1]):
                return float(values[-1]), vectors[:, 0] @ known
        basis[k + 1] = w / beside[k]
    raise AssertionError("unreachable: a Krylov space ends at the dimension")

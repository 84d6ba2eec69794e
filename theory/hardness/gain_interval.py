"""A certified interval for the gain from matrix-vector products alone (8f)."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh_tridiagonal

from theory.arrays import Array, Float64
from theory.errors import InputError
from theory.whole_numbers import whole_number

BREAKDOWN = 1e-12


def gain_interval(
    matvec: Callable[[Array], Array],
    whitened_gradient: Array,
    smallest_eigenvalue: float | int,
    iterations: int,
) -> tuple[float, float]:
    """Bracket ``G = 1/2 u'(I+M)^{-1}u`` by Lanczos with Gauss and Gauss-Radau quadrature.

    Parameters
    ----------
    matvec : callable
        ``v -> (I + M) v`` on vectors (p,), symmetric positive definite.
    whitened_gradient : (p,) array
        ``u``.
    smallest_eigenvalue : float
        A positive lower bound on ``1 + mu_min``. A ridge gives one.
    iterations : int
        Products with ``matvec``, at least 1. The first lower bound is that of 1g.

    Returns
    -------
    lower, upper : float
        ``lower <= G <= upper`` up to rounding; equal once the Krylov space is exhausted.

    Raises
    ------
    InputError
        A bound that is not positive, or that a Ritz value proves too large; fewer than one
        iteration; a gradient or product that is not finite.

    Notes
    -----
    Provenance: extension, after Golub & Meurant (Matrices, Moments and Quadrature). All odd
    derivatives of 1/x are negative, so that the Gauss rule lies below and the Radau rule with a
    node left of the spectrum above. Full reorthogonalisation keeps the rules valid in floating
    point.

    Examples
    --------
    >>> A = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 1.0]])
    >>> u = np.array([1.0, 2.0, -1.0])
    >>> low, high = gain_interval(lambda v: A @ v, u, 0.4, 2)
    >>> bool(low <= 0.5 * u @ np.linalg.solve(A, u) <= high)
    True
    """
    u = np.asarray(whitened_gradient, dtype=np.float64)
    if u.ndim != 1 or u.size == 0 or not np.isfinite(u).all():
        raise InputError(f"the whitened gradient must be a finite vector, got shape {u.shape}")
    if not (np.isfinite(smallest_eigenvalue) and smallest_eigenvalue > 0):
        raise InputError(
            f"smallest_eigenvalue must be a positive lower bound on 1 + mu_min, got "
            f"{smallest_eigenvalue}: add a ridge to the curvature to have one"
        )
    whole_number(iterations, "iterations", 1)
    length = float(np.linalg.norm(u))
    if length == 0:
        return 0.0, 0.0
    alpha, beta = lanczos(matvec, u / length, min(iterations, len(u)))
    ritz = float(eigh_tridiagonal(alpha, beta[:-1], eigvals_only=True)[0])
    if ritz < smallest_eigenvalue * (1 - 1e-9):
        raise InputError(
            f"smallest_eigenvalue = {smallest_eigenvalue:.6g} is no lower bound: the matrix has "
            f"an eigenvalue at or below {ritz:.6g}"
        )
    scale = 0.5 * length**2
    lower = scale * corner_of_inverse(alpha, beta[:-1])
    if beta[-1] == 0.0:
        return lower, lower
    return lower, max(lower, scale * radau_rule(alpha, beta, smallest_eigenvalue))


def lanczos(
    matvec: Callable[[Array], Array], start: Float64[Array, " p"], iterations: int
) -> tuple[Float64[Array, " k"], Float64[Array, " k"]]:
    """Diagonal and off-diagonal of the Jacobi matrix; the last ``beta`` is 0 on exhaustion."""
    basis = np.empty((iterations, len(start)))
    basis[0] = start
    alpha: list[float] = []
    beta: list[float] = []
    for k in range(iterations):
        # A copy of its own: what the product does to its argument is its own affair.
        v = np.array(matvec(basis[k].copy()), dtype=np.float64)
        if v.shape != start.shape or not np.isfinite(v).all():
            raise InputError(
                f"matvec must return a finite vector of shape {start.shape}, got shape {v.shape}"
            )
        alpha.append(float(basis[k] @ v))
        size = float(np.linalg.norm(v))
        Q = basis[: k + 1]
        # Twice is enough: a second pass removes what rounding left of the first.
        for _ in range(2):
            v -= (Q @ v) @ Q
        rest = float(np.linalg.norm(v))
        if rest <= BREAKDOWN * size or k + 1 == len(start):
            beta.append(0.0)
            break
        beta.append(rest)
        if k + 1 < iterations:
            basis[k + 1] = v / rest
    return np.array(alpha), np.array(beta)


def corner_of_inverse(alpha: Float64[Array, " k"], beta: Float64[Array, " j"]) -> float:
    """``(J^{-1})_11`` of a positive definite Jacobi matrix: the Gauss rule for 1/x.

    A continued fraction, from the last row up.

    >>> corner_of_inverse(np.array([2.0, 1.0]), np.array([1.0]))   # inverse of [[2, 1], [1, 1]]
    1.0
    """
    pivot = float(alpha[-1])
    for a, b in zip(alpha[-2::-1].tolist(), beta[::-1].tolist(), strict=True):
        pivot = a - b**2 / pivot
    return 1.0 / pivot


def radau_rule(alpha: Float64[Array, " k"], beta: Float64[Array, " k"], node: float) -> float:
    """Gauss-Radau rule for 1/x with one node fixed at ``node``, left of the spectrum.

    The Jacobi matrix is extended by one row whose diagonal entry makes ``node`` an eigenvalue:
    that is, makes the last pivot of ``J - node`` zero.
    """
    pivot = float(alpha[0]) - node
    for a, b in zip(alpha[1:].tolist(), beta[:-1].tolist(), strict=True):
        pivot = a - node - b**2 / pivot
    # A node that a Ritz value has reached leaves a pivot of rounding size: the Gauss rule then.
    pivot = max(pivot, float(np.finfo(np.float64).eps) * node)
    return corner_of_inverse(np.append(alpha, node + float(beta[-1]) ** 2 / pivot), beta)

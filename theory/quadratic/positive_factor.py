"""A factor ``A = C C'`` of a symmetric positive semi-definite matrix, and what it cost in rank."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.linalg import eigh, lapack, norm

from theory.arrays import Array, Float64
from theory.errors import InputError

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class PositiveFactor:
    """Whitening by ``A = C C'``: ``whiten`` applies ``C^+`` and ``unwhiten`` its transpose.

    ``C`` is the Cholesky factor where ``A`` is numerically positive definite. Otherwise
    ``C^+ = Lambda^{-1/2} V' S^{-1}`` from the eigendecomposition of the unit-diagonal matrix
    ``S^{-1} A S^{-1} = V Lambda V'``, zero on the numerical null space, so that
    ``unwhiten(whiten(b))`` is a generalised inverse applied to ``b``: the pseudo-inverse solution
    in unit-diagonal coordinates, an exact solution whenever ``b`` lies in the range of ``A``.

    Attributes
    ----------
    matrix
        The Cholesky factor, in the lower triangle, or ``C^+`` when ``kind`` is ``"spectral"``.
    kind
        Which of the two ``matrix`` is.
    condition
        Condition number of the unit-diagonal matrix (an estimate, within a small factor).
    rank
        Numerical rank.
    reason
        Empty, or why the pseudo-inverse replaced the inverse.
    """

    matrix: Float64[Array, "n n"]
    kind: Literal["cholesky", "spectral"]
    condition: float
    rank: int
    reason: str

    def whiten(self, right: Float64[Array, "n ..."]) -> Float64[Array, "n ..."]:
        """Apply ``C^+``."""
        if self.kind == "spectral":
            return self.matrix @ right
        return self._substitute(right, 0)

    def unwhiten(self, right: Float64[Array, "n ..."]) -> Float64[Array, "n ..."]:
        """Apply the transpose of ``C^+``."""
        if self.kind == "spectral":
            return self.matrix.T @ right
        return self._substitute(right, 1)

    def _substitute(self, right: Array, transposed: int) -> Array:
        # Without the checks of SciPy's wrapper, which cost more than the small blocks' work.
        solution, _ = lapack.dtrtrs(self.matrix, right, lower=1, trans=transposed)
        return np.asarray(solution)

    @cached_property
    def inverse_root(self) -> Float64[Array, "n n"]:
        """``C^+`` as a matrix."""
        if self.kind == "spectral":
            return self.matrix
        inverse, _ = lapack.dtrtri(self.matrix, lower=1)
        return np.tril(inverse)

    def solve(self, right: Float64[Array, "n ..."]) -> Float64[Array, "n ..."]:
        """Apply the (generalised) inverse of ``A``."""
        return self.unwhiten(self.whiten(right))

    def single_precision_solve(self) -> Callable[[Array], Array]:
        """Return :meth:`solve` in single precision, twice as fast and with half the digits."""
        if self.kind == "spectral":
            return self.solve
        matrix = self.matrix.astype(np.float32, order="F")

        def solve(right: Array) -> Array:
            half, _ = lapack.strtrs(matrix, right, lower=1)
            whole, _ = lapack.strtrs(matrix, half, lower=1, trans=1)
            return np.asarray(whole, dtype=np.float64)

        return solve


def positive_factor(
    matrix: Float64[Array, "n n"],
    name: str = "the matrix",
    noise: float = 0.0,
    *,
    overwrite: bool = False,
) -> PositiveFactor:
    """Factor a symmetric positive semi-definite matrix.

    Parameters
    ----------
    matrix
        Symmetric, finite.
    name
        How errors and reasons call it.
    noise
        Relative error already in ``matrix``: eigenvalues of the unit-diagonal matrix below it
        count as zero.
    overwrite
        Allow ``matrix`` to be destroyed, which saves a copy.

    Raises
    ------
    InputError
        When an eigenvalue is negative beyond rounding.

    Examples
    --------
    >>> factor = positive_factor(np.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> bool(np.allclose(factor.solve(np.array([1.0, 0.0])), [5 / 16, -2 / 16]))
    True
    >>> positive_factor(np.ones((2, 2)), "block 0").reason
    'block 0 is singular to working precision (rank 1 of 2): pseudo-inverse used'
    """
    size = len(matrix)
    diagonal = matrix.diagonal()
    if diagonal.min() < 0:
        at = int(diagonal.argmin())
        raise InputError(
            f"{name} is indefinite: diagonal entry {at} is {diagonal[at]:.6g}; curvature must be "
            "positive semi-definite (use a Gauss-Newton matrix or add a ridge)"
        )
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = bool((scale != 1).any())
    unit = matrix if overwrite and not scaled else matrix / scale[:, None] / scale
    unit_diagonal = unit.diagonal().copy()
    # LAPACK wants columns: of a symmetric matrix the transpose is the same, at no cost.
    length = float(norm(unit.T, 1, check_finite=False))
    cholesky, info = lapack.dpotrf(unit.T, lower=1, clean=0, overwrite_a=1)
    if info == 0:
        reciprocal, _ = lapack.dpocon(cholesky, length, uplo="L")
        if reciprocal > max(10 * EPS, np.sqrt(size) * EPS, noise):
            if scaled:
                cholesky *= scale[:, None]
            return PositiveFactor(cholesky, "cholesky", 1 / float(reciprocal), size, "")
    # The factorisation left the triangle below the diagonal as it was.
    np.fill_diagonal(unit, unit_diagonal)
    values, vectors = eigh(unit, lower=True, check_finite=False)
    smallest, largest = float(values[0]), float(max(values[-1], 1.0))
    if smallest < -max(np.sqrt(EPS), noise) * largest:
        raise InputError(
            f"{name} is indefinite: smallest eigenvalue {smallest:.6g} (unit-diagonal scaling); "
            "the quadratic is unbounded below: use a Gauss-Newton matrix or add a ridge"
        )
    cutoff = max(size * EPS * largest, noise * largest, -2 * smallest)
    kept = values > cutoff
    rank = int(kept.sum())
    inverse_root = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    pseudo = (inverse_root[:, None] * vectors.T) / scale
    condition = largest / float(values[kept].min()) if rank else 1.0
    reason = (
        f"{name} is singular to working precision (rank {rank} of {size}): pseudo-inverse used"
        if rank < size
        else ""
    )
    return PositiveFactor(pseudo, "spectral", condition, rank, reason)

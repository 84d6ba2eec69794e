"""Random problems of bracketing a gain from matrix-vector products."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64
from theory.hardness.gain_interval import gain_interval
from theory.proofs.problems.quadratic import float64, inner, solve, spectrum_ends
from theory.proofs.theorem import Draw, Family
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class IntervalProblems(Family):
    """``k`` positive definite ``I + M`` with a claimed lower bound on their eigenvalues.

    Attributes
    ----------
    matrix
        ``I + M`` (k, p, p).
    whitened_gradient
        ``u`` (k, p).
    floor
        Claimed lower bound (k,) on the eigenvalues.
    iterations
        Of Lanczos.
    """

    matrix: Float64[Array, "k p p"]
    whitened_gradient: Float64[Array, "k p"]
    floor: Float64[Array, " k"]
    iterations: int

    @cached_property
    def gain(self) -> Float64[Array, " k"]:
        """``1/2 u'(I+M)^{-1}u`` by a direct solve."""
        u = self.whitened_gradient
        return float64(0.5 * inner(u, solve(self.matrix, u)))

    @cached_property
    def spectrum_ends(self) -> tuple[Array, Array]:
        """Extreme eigenvalues."""
        return spectrum_ends(self.matrix)

    @cached_property
    def tolerance(self) -> Float64[Array, " k"]:
        """``c eps condition``, with the claimed floor for the smallest eigenvalue."""
        return float64(256 * self.matrix.shape[1] * EPS * self.spectrum_ends[1] / self.floor)


def gauss_lower(matrix: Array, u: Array, floor: Array, iterations: int) -> Array:
    """8f: the lower end of :func:`theory.gain_interval` for each problem."""
    return _intervals(matrix, u, floor, iterations)[:, 0]


def radau_upper(matrix: Array, u: Array, floor: Array, iterations: int) -> Array:
    """8f: the upper end of :func:`theory.gain_interval` for each problem."""
    return _intervals(matrix, u, floor, iterations)[:, 1]


def _intervals(matrix: Array, u: Array, floor: Array, iterations: int) -> Array:
    return np.array(
        [
            gain_interval(A.__matmul__, vector, bound, iterations)
            for A, vector, bound in zip(matrix, u, floor.tolist(), strict=True)
        ]
    )


def _draw(rng: np.random.Generator, count: int) -> IntervalProblems:
    """Draw condition numbers from 1 to 1e6 and fewer or more iterations than coordinates."""
    p = int(rng.integers(2, 21))
    spread = rng.uniform(0, 6, (count, 1))
    values = 10 ** (-spread * rng.uniform(0, 1, (count, p)))
    rotation = np.linalg.qr(rng.standard_normal((count, p, p)))[0]
    A = (rotation * values[:, None]) @ rotation.swapaxes(1, 2)
    return IntervalProblems(
        (A + A.swapaxes(1, 2)) / 2,
        rng.standard_normal((count, p)),
        values.min(axis=1) * 10 ** -rng.uniform(0.001, 2, count),
        int(rng.integers(1, p + 3)),
    )


draw_interval_problems = Draw("Lanczos intervals", _draw)

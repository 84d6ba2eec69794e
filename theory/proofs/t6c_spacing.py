"""6c: the exact gain of redundant layers that decay evenly, and the best spacing."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, BoolArray
from theory.proofs.problems.quadratic import solve
from theory.proofs.theorem import Assumption, Bound, Draw, Family, Theorem
from theory.quadratic.positive_factor import EPS
from theory.spreading.spacing import even_gain, gap_gain


@dataclass(frozen=True, eq=False)
class Spaced(Family):
    """Scalar layers at ``positions`` (n, k), ascending, with ``M_ij = decay^|p_i - p_j|``."""

    positions: Array
    decay: Array
    u: Array

    @cached_property
    def curvature(self) -> Array:
        """``I + M``."""
        distance = np.abs(self.positions[:, :, None] - self.positions[:, None])
        return np.asarray(self.decay[:, None, None] ** distance, dtype=np.float64)

    @cached_property
    def gain(self) -> Array:
        """``u'(I + M)^{-1} u / 2``."""
        return np.asarray(0.5 * (self.u * solve(self.curvature, self.u)).sum(axis=1))

    @property
    def unit(self) -> BoolArray:
        """Where ``u = 1``."""
        return np.asarray((self.u == 1).all(axis=1))

    @cached_property
    def tolerance(self) -> Array:
        """``c eps condition``."""
        values = np.linalg.eigvalsh(self.curvature)
        return np.asarray(16 * EPS * self.u.shape[1] * values[:, -1] / values[:, 0])


def _draw(rng: np.random.Generator, count: int) -> Spaced:
    k = int(rng.integers(2, 9))
    positions = np.cumsum(rng.exponential(3.0, (count, k)) + 0.1, axis=1)
    return Spaced(positions, rng.uniform(0.05, 0.95, count), np.ones((count, k)))


def _tight() -> Spaced:
    """Equal gaps."""
    return Spaced(np.array([[0.0, 2.0, 4.0, 6.0]]), np.array([0.7]), np.ones((1, 4)))


def _violated() -> Spaced:
    """Gradients of alternating sign: neither the formula nor the best spacing holds."""
    return Spaced(np.array([[0.0, 1.0, 4.0, 6.0]]), np.array([0.7]), np.array([[1.0, -1, 1, -1]]))


THEOREM = Theorem[Spaced](
    id="6c",
    title="Exact optimal spacing",
    provenance="extension",
    statement=r"M_{ij} = a^{|p_i-p_j|},\ u = \mathbf 1 \ \Rightarrow\ "
    r"2G = 1+\sum_i \tanh\Bigl(\tfrac{d_i}{2}\ln\tfrac1a\Bigr)"
    r" \le 1 + (k-1)\tanh\Bigl(\tfrac{p_k-p_1}{2(k-1)}\ln\tfrac1a\Bigr)",
    assumptions=(
        Assumption(r"u = \mathbf 1", lambda p: p.unit),
        Assumption("0 < a < 1", lambda p: (p.decay > 0) & (p.decay < 1)),
    ),
    bounds=(
        Bound(
            "closed form",
            "equal",
            lambda p: p.gain,
            gap_gain,
            lambda p: (np.diff(p.positions), p.decay),
        ),
        Bound(
            "equal gaps are best",
            "upper",
            lambda p: p.gain,
            even_gain,
            lambda p: (
                p.positions[:, -1] - p.positions[:, 0],
                p.positions.shape[1] - 1,
                p.decay,
            ),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=Draw("spacings", _draw),
    functions=("spaced_gain",),
    figure="spreading",
)

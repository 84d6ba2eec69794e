"""7: the true loss stays within a cubic of the quadratic model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.additivity_bounds.remainder import remainder_upper
from theory.arrays import Array
from theory.proofs.theorem import Assumption, Bound, Draw, Family, Theorem
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class NearlyQuadratic(Family):
    """Losses ``L(theta) = Q(theta) + phi(a'theta)`` with ``|phi'''| <= third`` and ``||a|| = 1``.

    ``phi(x) = third ((1 - w) x^3 / 6 + w (x - sin x))`` for a mixture ``w`` between a cubic, whose
    third derivative is constant, and a sine, whose third derivative oscillates.
    """

    theta: Array
    direction: Array
    third: Array
    mixture: Array
    lipschitz: Array

    @cached_property
    def remainder(self) -> Array:
        """``|L(theta) - Q(theta)|``, shape (n,)."""
        x = (self.theta * self.direction).sum(axis=1)
        phi = (1 - self.mixture) * x**3 / 6 + self.mixture * (x - np.sin(x))
        return np.asarray(np.abs(self.third * phi))

    @property
    def length(self) -> Array:
        """``||theta||``."""
        return np.asarray(np.linalg.norm(self.theta, axis=1), dtype=np.float64)

    @cached_property
    def tolerance(self) -> Array:
        """Rounding; ``x - sin x`` cancels for small ``x``, so no draw has one."""
        return np.full(len(self.theta), 1e4 * EPS)


def _draw(rng: np.random.Generator, count: int) -> NearlyQuadratic:
    p = int(rng.integers(1, 20))
    direction = rng.standard_normal((count, p))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    toward = rng.choice([0.0, 1.0], (count, 1))
    theta = rng.uniform(0.5, 3, (count, 1)) * (
        toward * direction + (1 - toward) * rng.standard_normal((count, p))
    )
    third = 10 ** rng.uniform(-2, 2, count)
    excess = rng.choice([1.0, 1.5], count)
    return NearlyQuadratic(theta, direction, third, rng.uniform(0, 1, count), third * excess)


def _tight() -> NearlyQuadratic:
    """A cubic along its own direction."""
    one = np.ones(1)
    return NearlyQuadratic(np.array([[2.0, 0.0]]), np.array([[1.0, 0.0]]), one, 0 * one, one)


def _violated() -> NearlyQuadratic:
    """A Hessian that varies twice as fast as declared."""
    return NearlyQuadratic(
        np.array([[2.0, 0.0]]), np.array([[1.0, 0.0]]), np.full(1, 2.0), np.zeros(1), np.ones(1)
    )


THEOREM = Theorem[NearlyQuadratic](
    id="7",
    title="Remainder of the quadratic model",
    provenance="extension",
    statement=r"\|\nabla^2L(\theta)-\nabla^2L(\theta')\| \le K\|\theta-\theta'\|"
    r" \ \Rightarrow\ |L(\theta)-Q(\theta)| \le \frac{K}{6}\,\|\theta\|^3",
    assumptions=(Assumption(r"K\text{-Lipschitz Hessian}", lambda p: p.third <= p.lipschitz),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.remainder,
            remainder_upper,
            lambda p: (p.lipschitz, p.length),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=Draw("remainders", _draw),
    functions=("remainder",),
)

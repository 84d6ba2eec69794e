"""2a: the coupling below the largest row sum of block norms."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.additivity_bounds.interaction_norm import block_gershgorin, block_norms
from theory.arrays import Array, BoolArray
from theory.proofs.problems.quadratic import draw_problems
from theory.proofs.theorem import Assumption, Bound, Draw, Family, Theorem
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class Couplings(Family):
    """Coupling matrices ``M`` (n, p, p), symmetric or not, and the layers' sizes."""

    M: Array
    sizes: tuple[int, ...]

    @cached_property
    def tolerance(self) -> Array:
        """Rounding of a norm."""
        return np.full(len(self.M), 16 * self.M.shape[-1] * EPS)

    @cached_property
    def norm(self) -> Array:
        """``||M||_2``, shape (n,)."""
        return np.asarray(np.linalg.norm(self.M, 2, axis=(1, 2)), dtype=np.float64)

    @property
    def symmetric(self) -> BoolArray:
        """Which ``M`` are symmetric."""
        return np.asarray((self.M.swapaxes(1, 2) == self.M).all(axis=(1, 2)))


def _draw(rng: np.random.Generator, count: int) -> Couplings:
    problems = draw_problems(rng, count)
    return Couplings(problems.whitened_coupling, problems.sizes)


def _tight() -> Couplings:
    """Equally redundant layers: every row sum is the norm."""
    return Couplings((np.ones((1, 6, 6)) - np.eye(6)) / 2, (1,) * 6)


def _violated() -> Couplings:
    """Without symmetry, one column of ones has row sums 1 and norm ``sqrt 2``."""
    return Couplings(np.array([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]), (1, 1, 1))


THEOREM = Theorem[Couplings](
    id="2a",
    title="Block Gershgorin",
    provenance="extension",
    statement=r"\rho \le \max_i \sum_{j \ne i} \|M_{ij}\|_2",
    assumptions=(Assumption("M = M'", lambda p: p.symmetric),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.norm,
            block_gershgorin,
            lambda p: (block_norms(p.M, p.sizes),),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=Draw("couplings", _draw),
    functions=("interaction_norm", "block_gershgorin"),
)

"""Random problems of giving rank to layers, small enough to try every allocation."""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64
from theory.choice.rank_allocation import RankAllocation, rank_allocation
from theory.proofs.problems.quadratic import float64, spectrum_ends
from theory.proofs.theorem import Draw, Family
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class RankProblems(Family):
    """``k`` problems: ``r`` directions in each of ``L`` layers, and their coupling.

    Attributes
    ----------
    values
        Singular values (k, L, r) of the layers' whitened gradients, descending.
    coupling
        ``M`` (k, L r, L r) between the singular directions, zero within a layer.
    costs
        Of one unit of rank in each layer.
    budget
        For the sum of ranks times costs.
    """

    values: Float64[Array, "k L r"]
    coupling: Float64[Array, "k p p"]
    costs: tuple[float, ...]
    budget: float

    @cached_property
    def allocations(self) -> tuple[RankAllocation, ...]:
        """The library's, told that costs are all the cheapest one."""
        told = [min(self.costs)] * len(self.costs)
        return tuple(rank_allocation(list(s), self.budget, told) for s in self.values)

    @cached_property
    def best_sum(self) -> Float64[Array, " k"]:
        """Largest sum of gains over every allocation within the budget."""
        _, layers, most = self.values.shape
        gains = 0.5 * np.cumsum(
            np.concatenate([np.zeros_like(self.values[..., :1]), self.values**2], axis=2), axis=2
        )
        best = np.zeros(len(self.values))
        for ranks in itertools.product(range(most + 1), repeat=layers):
            if np.dot(ranks, self.costs) <= self.budget * (1 + 1e-9):
                best = np.maximum(best, gains[:, np.arange(layers), list(ranks)].sum(axis=1))
        return best

    @cached_property
    def joint_gain(self) -> Float64[Array, " k"]:
        """Gain of training the allocated directions together."""
        gains = []
        for s, M, allocation in zip(self.values, self.coupling, self.allocations, strict=True):
            kept = np.arange(s.shape[1]) < np.array(allocation.ranks)[:, None]
            at = np.flatnonzero(kept.ravel())
            u = s.ravel()[at]
            gains.append(0.5 * u @ np.linalg.solve(np.eye(len(at)) + M[np.ix_(at, at)], u))
        return float64(gains)

    @cached_property
    def coupling_range(self) -> tuple[Array, Array]:
        """``(mu_min, mu_max)`` of all directions."""
        return spectrum_ends(self.coupling)

    @cached_property
    def tolerance(self) -> Float64[Array, " k"]:
        """``c eps condition``."""
        low, high = self.coupling_range
        return float64(64 * self.coupling.shape[1] * EPS * (1 + high) / (1 + low))


def _draw(rng: np.random.Generator, count: int) -> RankProblems:
    """Draw two or three layers of up to three directions, with equal costs."""
    L, r = int(rng.integers(2, 4)), int(rng.integers(1, 4))
    layer = np.repeat(np.arange(L), r)
    M = rng.standard_normal((count, L * r, L * r))
    M = np.where(layer[:, None] == layer, 0.0, M + M.swapaxes(1, 2))
    low, _ = spectrum_ends(M)
    M *= ((1 - 10 ** rng.uniform(-4, 0, count)) / -low)[:, None, None]
    cost = float(rng.uniform(0.5, 2.0))
    return RankProblems(
        -np.sort(-np.abs(rng.standard_normal((count, L, r))), axis=2),
        M,
        (cost,) * L,
        cost * int(rng.integers(1, L * r + 1)),
    )


draw_rank_problems = Draw("rank allocations", _draw)


def pair(coupling: float, costs: tuple[float, float], budget: float) -> RankProblems:
    """Two layers of one direction each, twice: along either eigenvector of the coupling."""
    M = np.array([[0.0, coupling], [coupling, 0.0]])
    return RankProblems(np.array([[[1.0], [1.0]]] * 2), np.stack([M, -M]), costs, budget)

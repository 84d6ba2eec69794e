"""Random problems of choosing layers, small enough to try every set."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64
from theory.choice.cost_model import CostModel
from theory.proofs.problems.quadratic import (
    Problems,
    draw_quadratics,
    draw_sizes,
    float64,
    solve,
    spectrum_ends,
)
from theory.proofs.theorem import Draw, Family
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class SelectionProblems(Family):
    """``k`` quadratics of one shape, a number of layers to choose, and what is claimed of ``M``.

    Attributes
    ----------
    problems
        The quadratics; their ``tuned`` layers are those already chosen, for marginal gains.
    size
        Layers to choose.
    floor, ceiling
        Claimed bounds (k,) on ``1 + mu_min`` from below and on ``1 + mu_max`` from above.
    cost, budget
        True cost of a set, and budgets (k,).
    claimed_cost
        Cost that the search is told.
    """

    problems: Problems
    size: int
    floor: Float64[Array, " k"]
    ceiling: Float64[Array, " k"]
    cost: CostModel
    budget: Float64[Array, " k"]
    claimed_cost: CostModel

    @classmethod
    def of(
        cls,
        problems: Problems,
        size: int,
        *,
        floor: Array | None = None,
        ceiling: Array | None = None,
        cost: CostModel | None = None,
        budget: Array | None = None,
        claimed_cost: CostModel | None = None,
    ) -> "SelectionProblems":
        """The exact range, one unit of cost per layer and a budget of ``size``, unless given."""
        low, high = problems.coupling_range
        price = CostModel.count(len(problems.sizes)) if cost is None else cost
        return cls(
            problems,
            size,
            1.0 + low if floor is None else floor,
            1.0 + high if ceiling is None else ceiling,
            price,
            np.full(len(low), float(size)) if budget is None else budget,
            price if claimed_cost is None else claimed_cost,
        )

    @property
    def layers(self) -> int:
        """``L``."""
        return len(self.problems.sizes)

    @property
    def chosen(self) -> tuple[int, ...]:
        """Layers already chosen, for marginal gains."""
        return self.problems.tuned

    @property
    def open_layers(self) -> tuple[int, ...]:
        """The others."""
        return tuple(layer for layer in range(self.layers) if layer not in self.chosen)

    @cached_property
    def quadratics(self) -> tuple[BlockQuadratic, ...]:
        """The library's objects."""
        return tuple(self.problems.quadratic(i) for i in range(len(self.floor)))

    def coordinates(self, layers: Sequence[int]) -> list[int]:
        """Of these layers."""
        return [i for i, layer in enumerate(self.problems.layer.tolist()) if layer in layers]

    def gain(self, layers: Sequence[int]) -> Float64[Array, " k"]:
        """``G(S)`` from its definition, ``-min Q`` over ``theta`` supported on S."""
        if not layers:
            return np.zeros(len(self.floor))
        at = self.coordinates(layers)
        g = self.problems.gradient[:, at]
        H = self.problems.curvature[:, at][:, :, at]
        return float64(0.5 * np.einsum("ki,ki->k", g, solve(H, g)))

    @cached_property
    def best_gain(self) -> Float64[Array, " k"]:
        """Largest gain over every set of ``size`` layers."""
        sets = itertools.combinations(range(self.layers), self.size)
        return float64(np.max([self.gain(layers) for layers in sets], axis=0))

    @cached_property
    def joint_marginal(self) -> Float64[Array, " k"]:
        """Gain of adding all open layers to the chosen ones."""
        return self.gain(range(self.layers)) - self.gain(self.chosen)

    @cached_property
    def sum_of_marginals(self) -> Float64[Array, " k"]:
        """Sum of the gains of adding each open layer alone."""
        alone = [self.gain((*self.chosen, layer)) for layer in self.open_layers]
        return float64(np.sum(alone, axis=0) - len(alone) * self.gain(self.chosen))

    @cached_property
    def extension_size(self) -> int:
        """Layers to add to the chosen ones."""
        return min(self.size, len(self.open_layers))

    @cached_property
    def best_extension(self) -> Float64[Array, " k"]:
        """Largest gain over the chosen layers and ``extension_size`` more."""
        sets = itertools.combinations(self.open_layers, self.extension_size)
        return float64(np.max([self.gain((*self.chosen, *layers)) for layers in sets], axis=0))

    def top_energy(self, vectors: Array, layers: Sequence[int], size: int) -> Array:
        """Sum of the ``size`` largest ``||v_l||^2`` among these layers."""
        norms = [np.square(vectors[:, self.coordinates([at])]).sum(axis=1) for at in layers]
        return float64(np.sort(norms, axis=0)[-size:].sum(axis=0))

    @cached_property
    def conditional_gradient(self) -> Float64[Array, "k p"]:
        """``w = u - M_{:P} (I + M_PP)^{-1} u_P``, zero on the chosen layers P."""
        at = self.coordinates(self.chosen)
        u, M = self.problems.whitened_gradient, self.problems.whitened_coupling
        solved = solve(np.eye(len(at)) + M[:, at][:, :, at], u[:, at])
        w = u - np.einsum("kij,kj->ki", M[:, :, at], solved)
        w[:, at] = 0.0
        return float64(w)

    @cached_property
    def sets(self) -> tuple[tuple[int, ...], ...]:
        """Every non-empty set of layers."""
        every = range(1, self.layers + 1)
        return tuple(s for n in every for s in itertools.combinations(range(self.layers), n))

    @cached_property
    def affordable(self) -> Array:
        """Whether each set (rows) is within each problem's budget: 1 or -inf."""
        prices = np.array([self.cost.of(layers) for layers in self.sets])
        return np.where(prices[:, None] <= self.budget * (1 + 1e-9), 1.0, -np.inf)

    @cached_property
    def best_affordable_gain(self) -> Float64[Array, " k"]:
        """Largest gain over every set within the budget."""
        gains = np.array([self.gain(layers) for layers in self.sets])
        return float64(np.where(self.affordable > 0, gains, -np.inf).max(axis=0))

    @cached_property
    def best_affordable_sum(self) -> Float64[Array, " k"]:
        """Largest sum of single gains over every set within the budget."""
        single = [self.gain([layer]) for layer in range(self.layers)]
        sums = np.array([sum(single[layer] for layer in layers) for layers in self.sets])
        return float64(np.where(self.affordable > 0, sums, -np.inf).max(axis=0))

    @cached_property
    def tolerance(self) -> Float64[Array, " k"]:
        """``c eps condition``."""
        low, high = spectrum_ends(self.problems.curvature)
        return float64(64 * self.problems.dimension * EPS * high / np.abs(low))


def _draw(rng: np.random.Generator, count: int) -> SelectionProblems:
    """Draw choices among two to eight layers, with a cost that grows with depth."""
    problems = draw_quadratics(rng, count, draw_sizes(rng))
    low, high = problems.coupling_range
    L = len(problems.sizes)
    cost = CostModel(
        tuple(rng.uniform(0.5, 2.0, L).tolist()),
        base=float(rng.uniform(0, 2)),
        per_depth=float(rng.uniform(0, 1)),
    )
    least = min(cost.first(layer) for layer in range(L))
    return SelectionProblems.of(
        problems,
        int(rng.integers(1, L)),
        floor=(1.0 + low) * rng.uniform(0.5, 1.0, count),
        ceiling=(1.0 + high) * rng.uniform(1.0, 1.5, count),
        cost=cost,
        budget=rng.uniform(least, cost.of(range(L)), count),
    )


draw_selection_problems = Draw("choices of layers", _draw)

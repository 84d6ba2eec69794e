"""The best joint gain within a training budget that is not additive (8e)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from theory.arrays import Array, Float64, Int64, IntArray
from theory.choice.additive_search import additive_within_budget, affordable
from theory.choice.cost_model import CostModel
from theory.choice.greedy import TIE
from theory.choice.knapsack import TOLERANCE, fractional_knapsack
from theory.choice.placement import Guarantee, Placement
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.conditional_system import ConditionalSystem


def search_within_budget(
    quadratic: BlockQuadratic,
    budget: float | int,
    cost: CostModel,
    *,
    candidates: Sequence[int] | None = None,
    node_limit: int = 20_000,
) -> Placement:
    """Find the set with the largest joint gain whose cost is within the budget.

    Branch and bound in ascending order of layers, so that the first layer chosen is the lowest
    and carries the cost of depth. If ``node_limit`` sets were visited first, the result is the best
    seen and its guarantee the certified share of the optimum.

    Parameters
    ----------
    quadratic : BlockQuadratic
    budget : float
        In the unit of ``cost``.
    cost : CostModel
    candidates : sequence of int, optional
        Layers to choose from; all by default.
    node_limit : int
        Sets to visit at most.

    Returns
    -------
    Placement
        Of sets that gain the same within 1e-10, the lexicographically first.

    Raises
    ------
    InputError
        As in :func:`additive_within_budget`.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> H = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.9], [0.0, 0.9, 1.0]])
    >>> quadratic = BlockQuadratic(np.array([1.0, 2.0, 2.0]), H, (1, 1, 1))
    >>> search_within_budget(quadratic, 2.0, CostModel.count(3)).layers
    (0, 1)
    """
    chosen_from = affordable(quadratic, budget, cost, candidates)
    start = additive_within_budget(quadratic, budget, cost, candidates=candidates)
    search = _Search(
        cost,
        1.0 + quadratic.coupling_range[0],
        node_limit,
        start.gain * (1 - 1e-9) - 1e-300,
        start.layers,
    )
    search.visit(ConditionalSystem.of(quadratic, chosen_from), (), 0.0, float(budget))
    gain = quadratic.gain(search.layers)
    at_most = max(search.open_bound, gain)
    if search.open_bound > gain * (1 + TIE):
        fraction = gain / at_most
        statement = (
            f"stopped after {node_limit} sets: at least {fraction:.1%} of the best gain within the "
            "budget; raise node_limit or narrow the candidates for the optimum"
        )
    else:
        fraction, statement = 1.0, "exact search (8e): the best set within the budget"
    guarantee = Guarantee(fraction, fraction, at_most, statement)
    return replace(
        start, layers=search.layers, gain=gain, cost=cost.of(search.layers), guarantee=guarantee
    )


@dataclass
class _Search:
    cost: CostModel
    floor: float
    nodes_left: int
    best: float
    layers: tuple[int, ...]
    open_bound: float = 0.0

    def visit(
        self, system: ConditionalSystem, chosen: tuple[int, ...], gain: float, left: float
    ) -> None:
        """Search the sets that extend ``chosen`` within what is ``left`` of the budget."""
        if chosen and gain > self.best * (1 + TIE):
            self.best, self.layers = gain, chosen
        labels = system.labels.tolist()
        own = np.array([self.cost.per_layer[layer] for layer in labels])
        prices = own if chosen else np.array([self.cost.first(layer) for layer in labels])
        fits = np.flatnonzero(prices <= left + TOLERANCE * max(left, 1e-300))
        if not len(fits):
            return
        bound = gain + self.bound(system, own, fits, left)
        if bound <= self.best:
            return
        if self.nodes_left <= 0:
            self.open_bound = max(self.open_bound, bound)
            return
        for at in fits.tolist():
            self.nodes_left -= 1
            self.visit(
                system.choose(at),
                (*chosen, labels[at]),
                gain + float(system.marginals[at]),
                left - float(prices[at]),
            )

    def bound(
        self,
        system: ConditionalSystem,
        own: Float64[Array, " n"],
        fits: Int64[IntArray, " k"],
        left: float,
    ) -> float:
        """Upper bound on what the open layers still add: all at once, or a relaxed knapsack."""
        everything = system.joint_gain()
        if self.floor <= 0:
            return everything
        values = 0.5 * np.square(system.w[fits]).sum(axis=1) / self.floor
        return min(everything, fractional_knapsack(values, own[fits], left))

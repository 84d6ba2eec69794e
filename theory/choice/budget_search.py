"""The best joint gain within a training budget that is not additive (8e)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import Array, Float64, Int64, IntArray
from theory.choice.additive_search import additive_layers, affordable
from theory.choice.certificate import certificate
from theory.choice.clock import Clock
from theory.choice.cost_model import CostModel
from theory.choice.exact_search import searched
from theory.choice.greedy import TIE
from theory.choice.kernel_quadratic import KernelQuadratic
from theory.choice.knapsack import TOLERANCE, fractional_knapsack
from theory.choice.placement import Guarantee, Placement
from theory.choice.selection import checked_layers
from theory.errors import InputError
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.conditional_system import ConditionalSystem
from theory.whole_numbers import whole_number

ENUMERATED = 14  # candidates whose sets are cheaper to try than to bound by relaxations


def search_within_budget(
    quadratic: BlockQuadratic | KernelQuadratic,
    budget: float | int,
    cost: CostModel,
    *,
    candidates: Sequence[int] | None = None,
    start: Sequence[int] = (),
    node_limit: int = 20_000,
    time_limit: float | int = 30.0,
) -> Placement:
    """Find the set with the largest joint gain whose cost is within the budget.

    Up to 14 candidates: branch and bound in ascending order of layers, so that the first layer
    chosen is the lowest and carries the cost of depth. More: branch and bound on the concave
    relaxations of every lowest layer (10a), best first, from greedy and swaps. If a limit is
    reached first, the result is the best set seen and its guarantee the certified share of the
    optimum.

    Parameters
    ----------
    quadratic : BlockQuadratic or KernelQuadratic
        The second is always searched on its relaxations.
    budget : float
        In the unit of ``cost``.
    cost : CostModel
    candidates : sequence of int, optional
        Layers to choose from; all by default.
    start : sequence of int, optional
        A set within the budget that is known to be good: the search is the faster for it.
    node_limit : int
        Relaxations to solve at most, after those of the certificate.
    time_limit : float
        Seconds. Which set is found then depends on the machine.

    Returns
    -------
    Placement
        With 14 candidates or fewer, the lexicographically first of sets that gain the same within
        1e-10.

    Raises
    ------
    InputError
        As in :func:`additive_within_budget`, a start beyond the budget, or a limit that is not
        above 0.

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
    whole_number(node_limit, "node_limit", 1)
    clock = Clock(time_limit)
    known = _known(quadratic, start, budget, cost, chosen_from)
    few = len(chosen_from) <= ENUMERATED and 2 ** len(chosen_from) <= max(node_limit, 2)
    if isinstance(quadratic, BlockQuadratic) and few:
        search = _Search(
            cost,
            1.0 + quadratic.coupling_range[0],
            quadratic.gain(known) * (1 - 1e-9) - 1e-300,
            known,
        )
        search.visit(ConditionalSystem.of(quadratic, chosen_from), (), 0.0, float(budget))
        gain = quadratic.gain(search.layers)
        statement = "exact search (8e): the best set within the budget"
        guarantee = Guarantee(1.0, 1.0, gain, statement)
        return Placement(search.layers, gain, cost.of(search.layers), guarantee)
    found = certificate(
        quadratic,
        budget,
        costs=cost,
        candidates=chosen_from,
        start=start,
        time_limit=clock.left,
    )
    return searched(found, known, node_limit, clock, cost)


def _known(
    quadratic: BlockQuadratic | KernelQuadratic,
    start: Sequence[int],
    budget: float | int,
    cost: CostModel,
    candidates: tuple[int, ...],
) -> tuple[int, ...]:
    """The better of the set that is given and the one of the largest sum of single gains."""
    sets = []
    if len(start):
        sets.append(checked_layers(quadratic.layers, start))
        if not set(sets[0]) <= set(candidates) or not cost.of(sets[0]) <= budget * (1 + TOLERANCE):
            raise InputError(f"start {sets[0]} is no set of the candidates within the budget")
    if isinstance(quadratic, BlockQuadratic):
        sets.append(additive_layers(quadratic, budget, cost, candidates))
    return max(sets, key=quadratic.gain, default=())


@dataclass
class _Search:
    cost: CostModel
    floor: float
    best: float
    layers: tuple[int, ...]

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
        if not len(fits) or gain + self.bound(system, own, fits, left) <= self.best:
            return
        for at in fits.tolist():
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

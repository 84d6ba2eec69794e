"""The best placement of a size or a budget, by branch and bound (8c, 8e)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from theory.choice.cost_model import CostModel
from theory.choice.greedy import TIE, first_best, greedy_order
from theory.choice.placement import Guarantee, Placement, extension_upper
from theory.choice.selection import check_selection
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.conditional_system import ConditionalSystem

BATCH = 300_000  # numbers held at once when sets are enumerated together


@dataclass
class _Search:
    """State of one depth-first search in lexicographic order of the sets."""

    floor: float  # below 1 + mu_min; 0 switches that bound off
    best: float
    layers: tuple[int, ...] = ()

    def offer(self, gain: float, layers: tuple[int, ...]) -> None:
        """Keep the first of the sets that gain the same within rounding."""
        if gain > self.best * (1 + TIE):
            self.best, self.layers = gain, layers

    def visit(
        self, system: ConditionalSystem, chosen: tuple[int, ...], gain: float, left: int
    ) -> None:
        """Search the sets that extend ``chosen`` by ``left`` of the open layers."""
        if gain + conditional_bound(system, left, self.floor) <= self.best:
            return
        n, b = system.w.shape
        if left == 1 or comb(n, left) * left * b * b <= BATCH:
            sets, gains = system.set_gains(left)
            at = first_best(gains)
            self.offer(gain + float(gains[at]), chosen + tuple(system.labels[sets[at]].tolist()))
            return
        if gain + system.joint_gain() <= self.best:
            return
        for at in range(n - left + 1):
            self.visit(
                system.choose(at),
                (*chosen, int(system.labels[at])),
                gain + float(system.marginals[at]),
                left - 1,
            )


def conditional_bound(system: ConditionalSystem, left: int, floor: float) -> float:
    """Upper bound on the gain of adding ``left`` open layers to the chosen ones (8c).

    The Schur complement keeps the smallest eigenvalue of ``I+M`` or raises it, so the ``left``
    largest ``1/2 ||w_j||^2 / (1+mu_min)`` bound the gain. The residuals are the *conditional*
    ones: with the unconditional ``Res_j`` added to the gain of the chosen layers the bound fails
    under synergy.
    """
    if floor <= 0:
        return float("inf")
    norms = np.sort(np.square(system.w).sum(axis=1))
    return float(extension_upper(0.0, float(norms[-left:].sum()), floor))


def exact_search(
    quadratic: BlockQuadratic,
    size: int,
    *,
    candidates: Sequence[int] | None = None,
    cost: CostModel | None = None,
) -> Placement:
    """Find the ``size`` layers with the largest joint gain.

    Branch and bound over sets in lexicographic order. Each node carries the problem of the open
    layers conditional on the chosen ones; once few sets are left below it, they are evaluated
    together by stacked Cholesky factors.

    Parameters
    ----------
    quadratic, size, candidates, cost
        As in :func:`theory.top_k`.

    Returns
    -------
    Placement
        The best one; of several that gain the same within 1e-10, the lexicographically first.

    Raises
    ------
    InputError
        As in :func:`theory.top_k`.

    Notes
    -----
    Provenance: extension. Time grows as ``C(L, size)`` in the worst case: C(36, 5) = 376,992 sets
    of 4-dimensional layers take seconds on one core (``docs/benchmarks.md``).

    Examples
    --------
    Neither of layers 1 and 2 gains anything alone; together with layer 0 one of them does:

    >>> H = np.array([[1.0, -0.8, 0.0], [-0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> quadratic = BlockQuadratic(np.array([1.0, 0.0, 0.5]), H, (1, 1, 1))
    >>> exact_search(quadratic, 2).layers
    (0, 1)
    """
    chosen_from, cost = check_selection(quadratic, size, candidates, cost)
    system = ConditionalSystem.of(quadratic, chosen_from)
    incumbent = quadratic.gain(greedy_order(system, size))
    # Just below greedy's gain: the search then finds the first set that reaches it by itself.
    search = _Search(1.0 + quadratic.coupling_range[0], incumbent * (1 - 1e-9) - 1e-300)
    search.visit(system, (), 0.0, size)
    layers = search.layers
    gain = quadratic.gain(layers)
    statement = f"exact search (8c): the best {size} of {len(chosen_from)} layers"
    return Placement(layers, gain, cost.of(layers), Guarantee(1.0, 1.0, gain, statement))

"""The best placement of a size: every set, or branch and bound (8c, 10a)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from theory.choice.branch_and_bound import branch_and_bound
from theory.choice.certificate import Certificate, certificate, proven_placement
from theory.choice.clock import Clock
from theory.choice.cost_model import CostModel
from theory.choice.greedy import TIE, first_best, greedy_order
from theory.choice.kernel_quadratic import KernelQuadratic
from theory.choice.placement import Guarantee, Placement, extension_upper
from theory.choice.selection import check_selection
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.conditional_system import ConditionalSystem
from theory.whole_numbers import whole_number

BATCH = 300_000  # numbers held at once when sets are enumerated together
ENUMERATED = 1_000_000  # sets that are cheaper to try than to bound by relaxations


@dataclass
class _Search:
    """State of one depth-first search in lexicographic order of the sets."""

    floor: float  # below 1 + mu_min; 0 switches that bound off
    best: float
    clock: Clock
    layers: tuple[int, ...] = ()
    stopped: bool = False

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
        if self.clock.over:
            self.stopped = True
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
    quadratic: BlockQuadratic | KernelQuadratic,
    size: int,
    *,
    candidates: Sequence[int] | None = None,
    cost: CostModel | None = None,
    node_limit: int = 20_000,
    time_limit: float | int = 30.0,
) -> Placement:
    """Find the ``size`` layers with the largest joint gain.

    Up to a million sets: branch and bound in lexicographic order, in which few sets left are
    evaluated together by stacked Cholesky factors. More: branch and bound on the concave
    relaxation (10a), best first, from the certificate's placement. If a limit is reached first, the
    result is the best set seen, never worse than greedy, with its certified share of the optimum.

    Parameters
    ----------
    quadratic : BlockQuadratic or KernelQuadratic
        The second is always searched on its relaxation.
    size, candidates, cost
        As in :func:`theory.top_k`.
    node_limit : int
        Relaxations to solve at most.
    time_limit : float
        Seconds. Which set is found then depends on the machine.

    Returns
    -------
    Placement
        The best one. Of several that gain the same within 1e-10: the lexicographically first, where
        a million sets or fewer are searched.

    Raises
    ------
    InputError
        As in :func:`theory.top_k`, or a limit that is not above 0.

    Notes
    -----
    Provenance: extension. On measured models the relaxation leaves a fraction of a percent at once;
    on isotropic random ones nothing short of trying all sets closes the gap (``docs/log.md``).

    Examples
    --------
    Neither of layers 1 and 2 gains anything alone; together with layer 0 one of them does:

    >>> H = np.array([[1.0, -0.8, 0.0], [-0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> quadratic = BlockQuadratic(np.array([1.0, 0.0, 0.5]), H, (1, 1, 1))
    >>> exact_search(quadratic, 2).layers
    (0, 1)
    """
    chosen_from, cost = check_selection(quadratic, size, candidates, cost)
    whole_number(node_limit, "node_limit", 1)
    clock = Clock(time_limit)
    order: tuple[int, ...] = ()
    few = comb(len(chosen_from), size) <= ENUMERATED
    if isinstance(quadratic, BlockQuadratic) and few:
        system = ConditionalSystem.of(quadratic, chosen_from)
        order = tuple(sorted(greedy_order(system, size)))
        incumbent = quadratic.gain(order)
        # Just below greedy's gain: the search then finds the first set that reaches it by itself.
        search = _Search(1.0 + quadratic.coupling_range[0], incumbent * (1 - 1e-9) - 1e-300, clock)
        search.visit(system, (), 0.0, size)
        if not search.stopped:
            gain = quadratic.gain(search.layers)
            statement = f"exact search (8c): the best {size} of {len(chosen_from)} layers"
            guarantee = Guarantee(1.0, 1.0, gain, statement)
            return Placement(search.layers, gain, cost.of(search.layers), guarantee)
        order = max(order, search.layers, key=lambda s: quadratic.gain(s) if s else 0.0)
    found = certificate(quadratic, size, candidates=chosen_from, time_limit=clock.left)
    return searched(found, order, node_limit, clock, cost)


def searched(
    found: Certificate,
    known: tuple[int, ...],
    node_limit: int,
    clock: Clock,
    cost: CostModel,
) -> Placement:
    """Narrow a certificate by branch and bound on its relaxation, from a set already known."""
    start = found.placement
    layers, gain, upper, nodes = start.layers, start.gain, found.upper, 0
    if known and found.split.gain(known) > gain:
        layers, gain = known, found.split.gain(known)
    if start.guarantee.fraction < 1:
        result = branch_and_bound(
            found.split, found.admissible, layers, gain, node_limit=node_limit, clock=clock
        )
        layers, gain, nodes = result.layers, result.gain, result.nodes
        upper = min(upper, result.upper)
    return proven_placement(found.split, layers, max(upper, gain), cost, nodes)

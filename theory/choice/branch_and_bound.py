"""The best set of layers by branch and bound on the dual certificate (10a), best first."""

import heapq
import itertools
from dataclasses import dataclass, replace

import numpy as np

from theory.choice.choices import Choices
from theory.choice.clock import Clock
from theory.choice.local_search import TIE, improve, rounded
from theory.choice.relaxation import relax
from theory.choice.response import Response, Split, dual_upper

ITERATIONS = 12
"""Responses at a node: they start from those of its parent."""


@dataclass(frozen=True)
class Found:
    """Outcome of a search.

    Attributes
    ----------
    layers, gain
        The best set seen.
    upper : float
        No set gains more.
    nodes : int
        Nodes that were bounded.
    """

    layers: tuple[int, ...]
    gain: float
    upper: float
    nodes: int


def branch_and_bound(
    split: Split,
    roots: tuple[Choices, ...],
    layers: tuple[int, ...],
    gain: float,
    *,
    node_limit: int,
    clock: Clock,
    target: float = 0.0,
) -> Found:
    """Search the sets of all roots, from a set that is already known.

    Every node relaxes its own choices from the weights of its parent. The bound of its best
    iterate decides layers (a layer that no better set can leave out is forced, one that none can
    hold excluded), and bounds both children before they are looked at.

    Parameters
    ----------
    split : Split
    roots : tuple of Choices
    layers, gain
        The incumbent.
    node_limit : int
    clock : Clock
    target : float
        Relative gap at which to stop.
    """
    order = itertools.count()
    queue: list[tuple[float, int, Choices, np.ndarray | None]] = [
        (-np.inf, next(order), root, None) for root in roots
    ]
    heapq.heapify(queue)
    nodes = 0
    while queue:
        bound = -queue[0][0]
        cutoff = gain * (1 + max(target, TIE))
        if bound <= cutoff or nodes >= node_limit or clock.over:
            break
        _, _, choices, weights = heapq.heappop(queue)
        nodes += 1
        found = relax(
            split, choices, start=weights, tolerance=1e-3, iterations=ITERATIONS, cutoff=cutoff
        )
        everything = split.gain([*choices.forced_layers, *choices.open_layers])
        upper = min(found.upper, bound, everything)
        if upper <= cutoff:
            continue
        other, value = rounded(split, choices, found.best.weights, clock)
        if value > gain * (1 + TIE):
            layers, gain = improve(split, choices, other, value, clock)
            cutoff = gain * (1 + max(target, TIE))
        choices = decided(choices, found.proof, cutoff)
        layer = branching_layer(choices, found.best)
        if layer is None:
            continue
        z = np.maximum(found.best.weights, 1e-3)
        for child in (choices.force(layer), choices.exclude(layer)):
            if child.left < -TIE * max(choices.left, 1.0):
                continue
            own = float(dual_upper(found.proof.energy, child.value(found.proof.prices)))
            if min(own, upper) > cutoff:
                heapq.heappush(queue, (-min(own, upper), next(order), child, z))
    upper = max(gain, -queue[0][0]) if queue else gain
    return Found(layers, gain, upper, nodes)


def decided(choices: Choices, proof: Response, cutoff: float) -> Choices:
    """Force and exclude what every set above the cutoff holds or leaves out."""
    prices = proof.prices
    bound = float(dual_upper(proof.energy, choices.value(prices)))
    sure = choices.free & (bound - choices.losses(prices) <= cutoff)
    if not sure.any():
        return choices
    taken = np.zeros_like(sure)
    taken[list(knapsack_layers(choices, prices))] = True
    taken &= sure
    free = choices.free & ~sure
    left = choices.left - float(choices.costs[taken].sum())
    return replace(choices, forced=choices.forced | taken, free=free, left=max(left, 0.0))


def knapsack_layers(choices: Choices, prices: np.ndarray) -> list[int]:
    """Layers that the relaxed optimum takes whole."""
    at = sorted(
        choices.open_layers,
        key=lambda layer: -prices[layer] / max(float(choices.costs[layer]), 1e-300),
    )
    spent = np.cumsum(choices.costs[at])
    return [
        layer for layer, total in zip(at, spent.tolist(), strict=True) if total <= choices.limit
    ]


def branching_layer(choices: Choices, best: Response) -> int | None:
    """The free layer whose weight is least decided, the dearer of equals."""
    at = list(choices.open_layers)
    if not at:
        return None
    z = best.weights[at]
    return at[int(np.argmax(np.minimum(z, 1 - z) * best.prices[at] + 1e-12 * z))]

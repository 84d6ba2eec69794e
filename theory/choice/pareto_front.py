"""Placements that no other beats in both gain and cost (8e)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from theory.choice.block_split import splits
from theory.choice.choices import choices
from theory.choice.cost_model import CostModel
from theory.choice.greedy import TIE, greedy_path
from theory.choice.placement import Guarantee, Placement
from theory.choice.relaxation import bound_at
from theory.choice.selection import checked_layers
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.conditional_system import ConditionalSystem
from theory.whole_numbers import whole_number

ROUGH = 1e-6
"""Relative error of a gain that is a sum of marginal gains, at most: what is not below is exact."""


def pareto_front(
    quadratic: BlockQuadratic,
    cost: CostModel,
    *,
    candidates: Sequence[int] | None = None,
    max_size: int | None = None,
    enumerate_up_to: int = 14,
) -> tuple[Placement, ...]:
    """Trade gain against cost: the placements worth considering, cheapest first.

    Parameters
    ----------
    quadratic : BlockQuadratic
    cost : CostModel
    candidates : sequence of int, optional
        Layers to choose from; all by default.
    max_size : int, optional
        Most layers in a placement; no limit by default.
    enumerate_up_to : int
        With at most this many candidates every set is evaluated and the front is exact. With more,
        greedy runs above each lowest layer, and the guarantee of each placement is by its
        certificate (10a).

    Returns
    -------
    tuple of Placement
        Cost and gain both increase strictly.

    Raises
    ------
    InputError
        Candidates empty, repeated or out of range; ``max_size`` below 1; a cost model of another
        number of layers.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> import numpy as np
    >>> quadratic = BlockQuadratic(np.array([3.0, 2.0, 1.0]), np.eye(3), (1, 1, 1))
    >>> cost = CostModel((1.0, 1.0, 1.0), per_depth=1.0)
    >>> [(p.layers, p.cost) for p in pareto_front(quadratic, cost)]
    [((2,), 2.0), ((1,), 3.0), ((0,), 4.0), ((0, 1), 5.0), ((0, 1, 2), 6.0)]
    """
    cost.check(quadratic.layers)
    chosen_from = checked_layers(quadratic.layers, candidates)
    size = len(chosen_from)
    if max_size is not None:
        size = min(size, whole_number(max_size, "max_size", 1))
    exact = len(chosen_from) <= enumerate_up_to
    found = (every_set if exact else greedy_sets)(quadratic, chosen_from, size)
    best = -1.0
    front: list[Placement] = []
    for price, known, layers in sorted((cost.of(layers), -gain, layers) for layers, gain in found):
        if -known <= max(best * (1 - ROUGH), 0.0):
            continue
        gain = quadratic.gain(layers)
        if gain > max(best * (1 + TIE), 0.0):
            best = gain
            exactly = Guarantee(1.0, 1.0, gain, "every set was evaluated: the best at its cost")
            front.append(Placement(layers, gain, price, exactly))
    return tuple(front if exact else _certified(quadratic, cost, chosen_from, front))


def _certified(
    quadratic: BlockQuadratic,
    cost: CostModel,
    candidates: tuple[int, ...],
    front: Sequence[Placement],
) -> Iterator[Placement]:
    """Each with a bound on what its cost can gain: by its own response (10a), at any costs."""
    everything = quadratic.gain(candidates)
    # The flat split where there is one: the other is sharper on no measured model.
    found = splits(quadratic)[-1:]
    for point in front:
        allowed = choices(quadratic.layers, point.cost, cost, candidates)
        at_most = min([everything, *(bound_at(split, allowed, point.layers) for split in found)])
        fraction = min(point.gain / at_most, 1.0)
        text = f"greedy: at least {fraction:.1%} of the best at its cost, by its certificate (10a)"
        yield replace(point, guarantee=Guarantee(fraction, 0.0, at_most, text))


Found = Iterator[tuple[tuple[int, ...], float]]


def every_set(quadratic: BlockQuadratic, candidates: tuple[int, ...], size: int) -> Found:
    """Every set of at most ``size`` candidates, and its gain."""

    def extend(system: ConditionalSystem, chosen: tuple[int, ...], gain: float) -> Found:
        for at, layer in enumerate(system.labels.tolist()):
            longer, total = (*chosen, layer), gain + float(system.marginals[at])
            yield longer, total
            if len(longer) < size and at + 1 < len(system.labels):
                yield from extend(system.choose(at), longer, total)

    return extend(ConditionalSystem.of(quadratic, candidates), (), 0.0)


def greedy_sets(quadratic: BlockQuadratic, candidates: tuple[int, ...], size: int) -> Found:
    """For each lowest layer, what greedy adds above it, one layer at a time.

    Gains are sums of marginal gains: of the sets on the front they are computed anew.
    """
    system = ConditionalSystem.of(quadratic, candidates)
    for at, lowest in enumerate(candidates):
        yield (lowest,), float(system.marginals[at])
        above = min(size, len(candidates) - at) - 1
        if above > 0:
            layers: tuple[int, ...] = (lowest,)
            gain = float(system.marginals[at])
            for layer, marginal in greedy_path(system.choose(at), above):
                layers, gain = (*layers, layer), gain + marginal
                yield tuple(sorted(layers)), gain

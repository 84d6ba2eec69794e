"""The best joint gain within a budget, for a cost that a cost model never exceeds."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from theory.choice.cost_model import CostModel
from theory.choice.knapsack import TOLERANCE
from theory.choice.placement import Guarantee, Placement
from theory.errors import InputError

TRIED = 12
"""Layers up to which every set is tried: a few thousand gains at most."""


@dataclass(frozen=True)
class UnderpricedCost:
    """A cost of sets that grows with the set, and a cost model below it.

    Attributes
    ----------
    of : callable
        Cost of a non-empty set.
    at_least : CostModel
        No set costs less.
    """

    of: Callable[[Sequence[int]], float]
    at_least: CostModel


def search_underpriced(
    search: Callable[[CostModel], Placement],
    gain: Callable[[Sequence[int]], float],
    budget: float | int,
    cost: UnderpricedCost,
    *,
    candidates: Sequence[int] | None = None,
    start: tuple[int, ...] = (),
    tried: int = TRIED,
) -> Placement:
    """Find a set of large gain whose cost is within the budget, and bound the best one.

    Every set within the budget is within that of ``at_least``: the bound on the best gain there
    holds here. If the set found there fits, it is the answer; if not, it is thinned until it does
    and filled up by true costs, as ``start`` is, and the better of the two is taken.

    Parameters
    ----------
    search : callable
        The best set within the budget under a cost model, with its guarantee.
    gain : callable
        What ``search`` maximises; must not fall when a set grows.
    budget : float
    cost : UnderpricedCost
    candidates : sequence of int, optional
        Those to choose from; all by default.
    start : tuple of int
        A set within the budget that is known to be good.
    tried : int
        Candidates up to which all sets are tried instead.

    Raises
    ------
    InputError
        The budget admits none.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    Two modules that keep the same input pay for it once:

    >>> from theory import BlockQuadratic, search_within_budget
    >>> import numpy as np
    >>> quadratic = BlockQuadratic(np.array([2.0, 2.0, 2.1]), np.eye(3), (1, 1, 1))
    >>> shared = lambda chosen: len(chosen) + 4.0 * (0 in chosen or 1 in chosen)
    >>> cost = UnderpricedCost(shared, CostModel((3.0, 3.0, 1.0)))
    >>> by = lambda model: search_within_budget(quadratic, 6.5, model)
    >>> found = search_underpriced(by, quadratic.gain, 6.5, cost, tried=0)
    >>> found.layers, found.cost, found.guarantee.fraction
    ((0, 2), 6.0, 1.0)
    """
    every = range(len(cost.at_least.per_layer)) if candidates is None else sorted(candidates)
    limit = budget * (1 + TOLERANCE)
    cheapest = min(cost.of((at,)) for at in every)
    if start and not cost.of(start) <= limit:
        raise InputError(
            f"start {start} costs {cost.of(start):.6g}, beyond the budget {budget:.6g}"
        )
    if not cheapest <= limit:
        raise InputError(f"budget {budget:.6g} admits none: the cheapest costs {cheapest:.6g}")
    if len(every) <= tried:
        return _of_all(gain, limit, cost, every)
    loose = search(cost.at_least)
    if cost.of(loose.layers) <= limit:
        return replace(loose, cost=cost.of(loose.layers))
    starts = [_thinned(gain, limit, cost, loose.layers), *([start] if start else [])]
    layers = max((_filled(gain, limit, cost, start, every) for start in starts), key=gain)
    own, upper = gain(layers), max(loose.guarantee.best_gain_at_most, gain(layers))
    fraction = own / upper if upper > 0 else 1.0
    statement = (
        f"at least {fraction:.2%} of the best gain, by the bound under a cost that is never above "
        "the true one (10a)"
    )
    guarantee = Guarantee(fraction, 0.0, upper, statement)
    return Placement(layers, own, cost.of(layers), guarantee)


def _of_all(
    gain: Callable[[Sequence[int]], float],
    limit: float,
    cost: UnderpricedCost,
    every: Sequence[int],
) -> Placement:
    """The best of all sets; one that another within the budget contains cannot gain more."""
    kept: list[set[int]] = []
    best, layers, count = -1.0, tuple[int, ...](), 0
    for size in range(len(every), 0, -1):
        for chosen in itertools.combinations(every, size):
            if any(other.issuperset(chosen) for other in kept) or cost.of(chosen) > limit:
                continue
            kept.append(set(chosen))
            count += 1
            if (own := gain(chosen)) > best:
                best, layers = own, chosen
    statement = f"exact: all sets within the budget that none contains were tried ({count})"
    return Placement(layers, best, cost.of(layers), Guarantee(1.0, 1.0, best, statement))


def _thinned(
    gain: Callable[[Sequence[int]], float],
    limit: float,
    cost: UnderpricedCost,
    layers: tuple[int, ...],
) -> tuple[int, ...]:
    """Leave out, until it fits, what loses least for what it saves."""
    whole, price = gain(layers), cost.of(layers)

    def loss(at: int) -> float:
        rest = tuple(other for other in layers if other != at)
        saved = price - (cost.of(rest) if rest else 0.0)
        return (whole - gain(rest)) / max(saved, 1e-300)

    kept = list(layers)
    for at in sorted(layers, key=loss):
        if not kept or cost.of(kept) <= limit:
            break
        kept.remove(at)
    return tuple(kept)


def _filled(
    gain: Callable[[Sequence[int]], float],
    limit: float,
    cost: UnderpricedCost,
    layers: tuple[int, ...],
    every: Sequence[int],
) -> tuple[int, ...]:
    """Add what fits, in the order of gain by cost, until nothing does."""
    chosen = layers
    while True:
        own, spent = (gain(chosen), cost.of(chosen)) if chosen else (0.0, 0.0)
        rates: dict[int, float] = {}
        for at in every:
            more = (*chosen, at)
            if at not in chosen and (price := cost.of(more)) <= limit:
                rates[at] = (gain(more) - own) / max(price - spent, 1e-12 * price)
        if not rates:
            return tuple(sorted(chosen))
        for at in sorted(rates, key=lambda at: -rates[at]):
            if cost.of((*chosen, at)) <= limit:
                chosen = (*chosen, at)

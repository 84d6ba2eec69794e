"""The sets of layers that a search may return: some layers forced, others free, within a budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from theory.arrays import Array, Bool, BoolArray, Float64
from theory.choice.cost_model import CostModel
from theory.choice.knapsack import TOLERANCE, fractional_knapsack
from theory.choice.selection import checked_size
from theory.errors import InputError


@dataclass(frozen=True, eq=False)
class Choices:
    """Every set that holds the forced layers, and free ones whose costs add up to at most ``left``.

    Parameters
    ----------
    forced, free : (L,) arrays of bool
        Disjoint; the other layers are excluded.
    costs : (L,) array
        Cost of each free layer: ones where the number of layers is what is limited.
    left : float
        What the free layers may cost together.
    """

    forced: Bool[BoolArray, " L"]
    free: Bool[BoolArray, " L"]
    costs: Float64[Array, " L"]
    left: float

    @property
    def limit(self) -> float:
        """``left`` with room for rounding."""
        return self.left * (1 + TOLERANCE)

    @property
    def open_layers(self) -> tuple[int, ...]:
        """Free layers that fit."""
        return tuple(np.flatnonzero(self.free & (self.costs <= self.limit)).tolist())

    @property
    def forced_layers(self) -> tuple[int, ...]:
        """The forced ones."""
        return tuple(np.flatnonzero(self.forced).tolist())

    def value(self, prices: Float64[Array, " L"]) -> float:
        """Most that ``sum z_l price_l`` reaches over the relaxed sets (10a): a knapsack bound."""
        own = float(prices[self.forced].sum())
        fits = self.free & (self.costs <= self.limit)
        v, c = prices[fits], self.costs[fits]
        if not len(v):
            return own
        if c[0] == 0 or (c != c[0]).any():
            return own + fractional_knapsack(v, c, self.left)
        # Equal costs, the common case: the largest prices, without ratios.
        taken = min(self.left / float(c[0]), float(len(v)))
        whole = int(taken + TOLERANCE)
        v = np.sort(v)[::-1]
        part = (taken - whole) * float(v[whole]) if whole < len(v) and taken > whole else 0.0
        return own + float(v[:whole].sum()) + part

    def losses(self, prices: Float64[Array, " L"]) -> Float64[Array, " L"]:
        """By how much :meth:`value` falls at least when a free layer is decided the other way.

        Forced where the relaxed optimum leaves it out, excluded where it takes it, by the reduced
        costs of the knapsack's linear programme: at ``t``, the price per cost of the last layer
        taken or of the next one.
        """
        loss = np.zeros(len(prices))
        at = np.array([layer for layer in self.open_layers if self.costs[layer] > 0])
        if not len(at):
            return loss
        v, c = prices[at], self.costs[at]
        ratio = np.sort(v / c)[::-1]
        spent = np.cumsum(c[np.argsort(-(v / c), kind="stable")])
        last = int(np.searchsorted(spent, self.left * (1 - TOLERANCE)))
        if last >= len(at):
            return loss
        following = ratio[min(last + 1, len(at) - 1)] if spent[last] <= self.limit else ratio[last]
        loss[at] = np.maximum(ratio[last] * c - v, 0.0) + np.maximum(v - following * c, 0.0)
        return loss

    def weights(self, shares: Float64[Array, " L"]) -> Float64[Array, " L"]:
        """Scale shares to weights in [0, 1] that use up the budget: ``min(1, share / t)``."""
        z = self.forced.astype(np.float64)
        at = np.array(self.open_layers, dtype=np.int64)
        z[at] = 1.0
        at = at[self.costs[at] > 0]
        if not len(at):
            return z
        order = at[np.argsort(-shares[at], kind="stable")]
        s, c = shares[order], self.costs[order]
        spent = np.cumsum(c)
        if spent[-1] <= self.limit:
            return z
        # With the m largest at 1 the others share what is left: t_m; the first s_m <= t_m fits.
        rest = np.cumsum((c * s)[::-1])[::-1]
        room = self.left - (spent - c)
        t = np.divide(rest, room, out=np.full_like(rest, np.inf), where=room > 0)
        scale = float(t[int(np.argmax(s <= t))])
        z[order] = np.minimum(1.0, s / scale) if 0 < scale < np.inf else (s > 0)
        return z

    def even(self) -> Float64[Array, " L"]:
        """The weights that treat all free layers alike."""
        return self.weights(np.ones(len(self.costs)))

    def admits(self, layers: Sequence[int]) -> bool:
        """Whether a set is one of them."""
        chosen = np.zeros(len(self.costs), dtype=np.bool_)
        chosen[list(layers)] = True
        inside = (
            not (self.forced & ~chosen).any() and not (chosen & ~self.forced & ~self.free).any()
        )
        return bool(inside and self.costs[chosen & self.free].sum() <= self.limit)

    def force(self, layer: int) -> "Choices":
        """Those that hold one more layer."""
        forced, free = self.forced.copy(), self.free.copy()
        forced[layer], free[layer] = True, False
        return replace(self, forced=forced, free=free, left=self.left - float(self.costs[layer]))

    def exclude(self, layer: int) -> "Choices":
        """Those that do not hold a layer."""
        free = self.free.copy()
        free[layer] = False
        return replace(self, free=free)


def choices(
    layers: int,
    limit: float | int,
    costs: CostModel | None,
    candidates: Sequence[int],
) -> tuple[Choices, ...]:
    """All sets within a limit; where depth costs, one family for each height.

    Parameters
    ----------
    layers : int
        ``L``.
    limit : float
        Number of layers, or with ``costs`` the budget in their unit.
    costs : CostModel or None
    candidates : sequence of int
        Layers to choose from, ascending.

    Raises
    ------
    InputError
        A number of layers that does not fit the candidates, a budget that admits no layer, or a
        cost model of another number of layers.
    """
    free = np.zeros(layers, dtype=np.bool_)
    free[list(candidates)] = True
    none = np.zeros(layers, dtype=np.bool_)
    if costs is None:
        size = checked_size(limit, len(candidates))
        return (Choices(none, free, np.ones(layers), float(size)),)
    costs.check(layers)
    own = np.array(costs.per_layer)
    cheapest = min(costs.first(layer) for layer in candidates)
    if not limit * (1 + TOLERANCE) >= cheapest:
        raise InputError(
            f"budget {limit} admits no layer: the cheapest placement costs {cheapest:.6g}"
        )
    if costs.per_depth == 0:
        return (Choices(none, free, own, float(limit) - costs.base),)
    found: list[Choices] = []
    for height, level in groupby(candidates, costs.height):
        lowest = list(level)
        paid = costs.base + costs.per_depth * height
        if len(lowest) == 1:  # it is in every set of the family
            paid += costs.per_layer[lowest[0]]
        left = float(limit) - paid
        if left < -TOLERANCE * limit or not any(_fits(costs, at, limit) for at in lowest):
            continue
        forced, above = none.copy(), free.copy()
        above[: lowest[0]] = False
        if len(lowest) == 1:
            forced[lowest], above[lowest] = True, False
        found.append(Choices(forced, above, own, max(left, 0.0)))
    return tuple(found)


def _fits(costs: CostModel, layer: int, limit: float | int) -> bool:
    return costs.first(layer) <= limit * (1 + TOLERANCE)

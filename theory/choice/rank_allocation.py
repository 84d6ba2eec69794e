"""How much rank to give each layer (8d)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import Array
from theory.choice.knapsack import TOLERANCE, knapsack
from theory.errors import InputError


@dataclass(frozen=True)
class RankAllocation:
    """Rank of each layer's adapter.

    Parameters
    ----------
    ranks : tuple of int
        One per layer; 0 leaves a layer untouched.
    sum_of_gains : float
        ``1/2`` the sum of the squared singular values kept: the gain if layers did not interact.
    cost : float
        ``sum r_l c_l``.
    """

    ranks: tuple[int, ...]
    sum_of_gains: float
    cost: float

    def interval(self, mu_min: float, mu_max: float) -> tuple[float, float]:
        """Where the joint gain lies, from the signed coupling range of the full layers (1f).

        Restricting each layer to some directions only narrows the range (interlacing).

        >>> RankAllocation((1, 1), 3.0, 2.0).interval(-0.5, 0.5)
        (2.0, 6.0)
        """
        upper = self.sum_of_gains / (1 + mu_min) if mu_min > -1 else float("inf")
        return self.sum_of_gains / (1 + mu_max), upper


def rank_allocation(
    singular_values: Sequence[Array],
    budget: float | int,
    costs: Sequence[float] | None = None,
) -> RankAllocation:
    """Maximise ``1/2 sum_l sum_{i<=r_l} s_li^2`` under ``sum r_l c_l <= budget``.

    The objective is separable and concave in the ranks, so that with equal costs the largest
    singular values are optimal; with unequal ones the knapsack is solved exactly as an integer
    programme.

    Parameters
    ----------
    singular_values : sequence of (k_l,) arrays
        Of each layer's whitened gradient, descending
        (:attr:`theory.LinearAdapter.singular_values`).
    budget : float
        In the unit of ``costs``; infinite for no limit.
    costs : sequence of float, optional
        Of one unit of rank in each layer (``m + d`` for parameters); 1 each by default.

    Raises
    ------
    InputError
        No layers, singular values that are no list of numbers, negative, not finite or not
        descending, costs that do not fit or are not positive, or a budget below the cheapest unit
        of rank.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> rank_allocation([np.array([3.0, 1.0]), np.array([2.0, 2.0])], budget=2)
    RankAllocation(ranks=(1, 1), sum_of_gains=6.5, cost=2.0)
    """
    spectra = [np.asarray(s, dtype=np.float64) for s in singular_values]
    if not spectra:
        raise InputError("no layers to give rank to: singular_values is empty")
    prices = [1.0] * len(spectra) if costs is None else [float(cost) for cost in costs]
    if len(prices) != len(spectra):
        raise InputError(f"{len(prices)} costs for {len(spectra)} layers: give one each")
    if not all(np.isfinite(price) and price > 0 for price in prices):
        raise InputError(f"costs must be finite and above 0, got {prices}")
    for layer, s in enumerate(spectra):
        if s.ndim != 1:
            raise InputError(f"singular values of layer {layer} have shape {s.shape}: give a list")
        if not np.isfinite(s).all() or (s < 0).any() or (np.diff(s) > 0).any():
            raise InputError(f"singular values of layer {layer} must be descending and at least 0")
    if not budget >= min(prices):
        raise InputError(
            f"budget {budget} admits no rank at all: the cheapest unit costs {min(prices)}"
        )
    owner = np.concatenate([np.full(len(s), layer) for layer, s in enumerate(spectra)])
    values = np.concatenate([0.5 * s**2 for s in spectra])
    weights = np.array(prices)[owner]
    budget = min(float(budget), 2 * float(weights.sum()))  # an infinite one takes every direction
    if len(set(prices)) == 1:
        taken = np.argsort(-values, kind="stable")[: int(budget / prices[0] * (1 + TOLERANCE))]
    else:
        taken = knapsack(values, weights, budget)
    taken = taken[values[taken] > 0]
    ranks = np.bincount(owner[taken], minlength=len(spectra))
    return RankAllocation(
        tuple(ranks.tolist()), float(values[taken].sum()), float(weights[taken].sum())
    )

"""The best additive score within a training budget that is not additive (8e)."""

from collections.abc import Sequence

import numpy as np

from theory.choice.choices import choices
from theory.choice.cost_model import CostModel
from theory.choice.greedy import TIE
from theory.choice.kernel_quadratic import KernelQuadratic
from theory.choice.knapsack import TOLERANCE, knapsack
from theory.choice.placement import Placement, additive_guarantee
from theory.choice.selection import checked_layers
from theory.errors import InputError
from theory.quadratic.block_quadratic import BlockQuadratic


def additive_within_budget(
    quadratic: BlockQuadratic,
    budget: float | int,
    cost: CostModel,
    *,
    candidates: Sequence[int] | None = None,
) -> Placement:
    """Maximise ``sum_S Res^2`` under the budget: blind to coupling, but fast for any size.

    For each lowest layer the rest is a knapsack; the best of them is exact for the additive score.

    Parameters
    ----------
    quadratic : BlockQuadratic
        One block per layer.
    budget : float
        Largest cost, in the unit of ``cost``.
    cost : CostModel
        Of a set of layers: a part for each, and one for the depth down to the lowest.
    candidates : sequence of int, optional
        Layers to choose from; all by default.

    Returns
    -------
    Placement
        Its gain is at least ``(1+mu_min)/(1+mu_max)`` of the best one within the budget (8b: that
        proof needs only that the sum is maximal over the same sets).

    Raises
    ------
    InputError
        The budget admits no layer; candidates are empty, repeated or out of range; the cost model
        is about another number of layers.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    Backward costs 1 per layer passed: layer 0 gains most but forces a full backward pass.

    >>> quadratic = BlockQuadratic(np.array([2.5, 2.0, 2.0]), np.eye(3), (1, 1, 1))
    >>> cost = CostModel((1.0, 1.0, 1.0), per_depth=1.0)
    >>> additive_within_budget(quadratic, 4.0, cost).layers
    (1, 2)
    """
    chosen_from = affordable(quadratic, budget, cost, candidates)
    layers = additive_layers(quadratic, budget, cost, chosen_from)
    allowed = choices(quadratic.layers, budget, cost, chosen_from)
    guarantee = additive_guarantee(quadratic, chosen_from, layers, allowed)
    return Placement(layers, quadratic.gain(layers), cost.of(layers), guarantee)


def additive_layers(
    quadratic: BlockQuadratic, budget: float | int, cost: CostModel, candidates: tuple[int, ...]
) -> tuple[int, ...]:
    """The choice alone, from candidates one of which fits the budget."""
    scores = 0.5 * quadratic.residual_norms**2
    prices = np.array(cost.per_layer)
    best, layers = -1.0, candidates[:1]
    for at, lowest in enumerate(candidates):
        left = budget - cost.first(lowest)
        if left < -TOLERANCE * budget:
            continue
        above = np.array(candidates[at + 1 :], dtype=np.int64)
        taken = above[knapsack(scores[above], prices[above], max(left, 0.0))]
        total = float(scores[lowest] + scores[taken].sum())
        if total > best * (1 + TIE):
            best, layers = total, (lowest, *taken.tolist())
    return layers


def affordable(
    quadratic: BlockQuadratic | KernelQuadratic,
    budget: float | int,
    cost: CostModel,
    candidates: Sequence[int] | None,
) -> tuple[int, ...]:
    """Candidates that fit the budget alone.

    Raises
    ------
    InputError
        None does.
    """
    cost.check(quadratic.layers)
    chosen_from = checked_layers(quadratic.layers, candidates)
    singles = {layer: cost.first(layer) for layer in chosen_from}
    cheapest = min(singles.values())
    if not budget * (1 + TOLERANCE) >= cheapest:
        raise InputError(
            f"budget {budget} admits no layer: the cheapest placement costs {cheapest:.6g}"
        )
    return chosen_from

"""The k layers with the largest residual norms (8b)."""

from collections.abc import Sequence

import numpy as np

from theory.choice.choices import choices
from theory.choice.cost_model import CostModel
from theory.choice.placement import Placement, additive_guarantee
from theory.choice.selection import check_selection
from theory.quadratic.block_quadratic import BlockQuadratic


def largest_norms(
    quadratic: BlockQuadratic, candidates: Sequence[int], size: int
) -> tuple[int, ...]:
    """The choice alone; equal norms go to the lower layer."""
    norms = quadratic.residual_norms[list(candidates)]
    order = np.argsort(-norms, kind="stable")[:size]
    return tuple(sorted(candidates[i] for i in order.tolist()))


def top_k(
    quadratic: BlockQuadratic,
    size: int,
    *,
    candidates: Sequence[int] | None = None,
    cost: CostModel | None = None,
) -> Placement:
    """Pick the ``size`` layers with the largest ``Res_l``, blind to coupling.

    Parameters
    ----------
    quadratic : BlockQuadratic
    size : int
        Number of layers, at least 1.
    candidates : sequence of int, optional
        Layers to choose from; all by default.
    cost : CostModel, optional
        Prices the result; one unit per layer by default.

    Returns
    -------
    Placement
        Its gain is at least ``(1+mu_min)/(1+mu_max)``, hence ``(1-rho)/(1+rho)``, of the best one
        of its size. Equal norms go to the lower layer.

    Raises
    ------
    InputError
        ``size`` below 1 or above the number of candidates; candidates empty, repeated or out of
        range.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> quadratic = BlockQuadratic(np.array([1.0, 3.0, 2.0]), np.eye(3), (1, 1, 1))
    >>> top_k(quadratic, 2).layers
    (1, 2)
    """
    chosen_from, cost = check_selection(quadratic, size, candidates, cost)
    layers = largest_norms(quadratic, chosen_from, size)
    allowed = choices(quadratic.layers, size, None, chosen_from)
    guarantee = additive_guarantee(quadratic, chosen_from, layers, allowed)
    return Placement(layers, quadratic.gain(layers), cost.of(layers), guarantee)

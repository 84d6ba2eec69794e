"""Greedy on exact marginal gains, by an incremental Cholesky factor (8a, 5c)."""

from collections.abc import Sequence

import numpy as np

from theory.choice.cost_model import CostModel
from theory.choice.placement import Placement, greedy_guarantee
from theory.choice.selection import check_selection
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.conditional_system import ConditionalSystem

TIE = 1e-10


def first_best(values: np.ndarray) -> int:
    """Index of the first value within rounding of the largest."""
    return int(np.argmax(values >= values.max() * (1 - TIE)))


def greedy_order(system: ConditionalSystem, size: int) -> tuple[int, ...]:
    """Layers in the order in which greedy adds them."""
    return tuple(layer for layer, _ in greedy_path(system, size))


def greedy_path(system: ConditionalSystem, size: int) -> list[tuple[int, float]]:
    """Layers in the order in which greedy adds them, each with its marginal gain.

    Rows of the Cholesky factor of ``I + M`` are appended for the layer that is added, so that a
    step costs one product with the open layers, where a fresh factorisation for each of them
    would be cubic in what has been chosen so far.
    """
    n, b = system.w.shape
    A = system.A.reshape(n * b, n * b)
    w, blocks = system.w.copy(), system.diagonal.copy()
    rows = np.zeros((0, n * b))
    order: list[int] = []
    gains: list[float] = []
    for _ in range(size):
        marginals = system.quadratic_forms(blocks, w)
        marginals[order] = -np.inf
        at = first_best(marginals)
        order.append(at)
        gains.append(float(marginals[at]))
        own = slice(at * b, (at + 1) * b)
        R = system.half_inverses(blocks[at][None])[0]
        new = R @ (A[own] - rows[:, own].T @ rows)
        w -= (new.T @ (R @ w[at])).reshape(n, b)
        split = new.reshape(b, n, b)
        blocks -= np.einsum("anb,anc->nbc", split, split)
        rows = np.vstack([rows, new])
        # A chosen layer explains itself: an identity keeps its block out of the way of Cholesky.
        blocks[at], w[at] = np.eye(b), 0.0
    return list(zip(system.labels[order].tolist(), gains, strict=True))


def greedy_layers(
    quadratic: BlockQuadratic, candidates: Sequence[int], size: int
) -> tuple[int, ...]:
    """The choice alone."""
    system = ConditionalSystem.of(quadratic, tuple(candidates))
    return tuple(sorted(greedy_order(system, size)))


def greedy(
    quadratic: BlockQuadratic,
    size: int,
    *,
    candidates: Sequence[int] | None = None,
    cost: CostModel | None = None,
) -> Placement:
    """Add, ``size`` times, the layer with the largest exact marginal gain.

    Parameters
    ----------
    quadratic, size, candidates, cost
        As in :func:`theory.top_k`.

    Returns
    -------
    Placement
        Its gain is at least ``1 - (1 - gamma/k)^k >= 1 - e^{-gamma}`` of the best one of its size
        ``k``, with ``gamma >= 1 + mu_min >= 1 - rho`` (12f; weak submodularity, Das & Kempe 2011),
        and at any coupling what its certificate says (10a). Equal marginal gains go to the lower
        layer.

    Raises
    ------
    InputError
        As in :func:`theory.top_k`.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    Layers 0 and 1 repeat each other, so that the weaker but new layer 2 comes second:

    >>> H = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> quadratic = BlockQuadratic(np.array([2.0, 1.9, 1.0]), H, (1, 1, 1))
    >>> greedy(quadratic, 2).layers, greedy(quadratic, 2).gain
    ((0, 2), 2.5)
    """
    chosen_from, cost = check_selection(quadratic, size, candidates, cost)
    layers = greedy_layers(quadratic, chosen_from, size)
    guarantee = greedy_guarantee(quadratic, chosen_from, layers)
    return Placement(layers, quadratic.gain(layers), cost.of(layers), guarantee)

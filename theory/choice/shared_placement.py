"""One choice of layers for several tasks: their largest worst share of the gain, or mean share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from theory.arrays import Array, Float64
from theory.choice.certificate import Quadratic, certify, splits_of
from theory.choice.choices import Choices, choices
from theory.choice.clock import Clock
from theory.choice.cost_model import CostModel
from theory.choice.exact_search import searched
from theory.choice.placement import Placement
from theory.choice.relaxation import relax
from theory.choice.response import Split
from theory.choice.selection import checked_layers
from theory.choice.task_mixture import TaskMixture
from theory.errors import InputError
from theory.whole_numbers import whole_number

ROUNDS = 25
"""Mixtures of the tasks that are tried at most: the model of the bound is piecewise linear."""


@dataclass(frozen=True, eq=False)
class SharedPlacement:
    """Layers for several tasks.

    Attributes
    ----------
    placement : Placement
        Its ``gain`` is the combined share, its guarantee against the best one possible.
    shares : (m,) array
        Of each task: gain of the layers over the gain of all layers.
    weights : (m,) array
        The mixture of the tasks whose bound stands behind the guarantee; the even one for the mean.
    """

    placement: Placement
    shares: Float64[Array, " m"]
    weights: Float64[Array, " m"]


def shared_placement(
    quadratics: Sequence[Quadratic],
    k: float | int,
    costs: CostModel | None = None,
    *,
    combine: str = "worst",
    candidates: Sequence[int] | None = None,
    node_limit: int = 20_000,
    time_limit: float | int = 30.0,
) -> SharedPlacement:
    """Find the layers whose worst (or mean) share of the tasks' gains is largest.

    A task's share is ``G_i(S) / G_i(all layers)``. No set's worst share exceeds any weighted mean
    of its shares, and such a mean is the gain of one quadratic: every mixture of the tasks proves
    a bound (10a). The least of them is sought by cutting planes; then branch and bound on its
    relaxation.

    Parameters
    ----------
    quadratics : sequence of BlockQuadratic or KernelQuadratic
        One per task, with the same number of layers.
    k : float
        Number of layers; with ``costs`` the budget in their unit.
    costs : CostModel, optional
    combine : {"worst", "mean"}
    candidates : sequence of int, optional
        Layers to choose from; all by default.
    node_limit : int
        Relaxations of the search at most.
    time_limit : float
        Seconds. Which set is found then depends on the machine.

    Raises
    ------
    InputError
        No task, tasks of different numbers of layers, one that gains nothing from any layer, or
        what :func:`theory.certificate` refuses.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    Two tasks that need one layer each: the best for either alone leaves the other nothing.

    >>> from theory import BlockQuadratic
    >>> H = np.eye(3)
    >>> first = BlockQuadratic(np.array([2.0, 0.1, 1.0]), H, (1, 1, 1))
    >>> second = BlockQuadratic(np.array([0.1, 2.0, 1.0]), H, (1, 1, 1))
    >>> found = shared_placement([first, second], 1)
    >>> found.placement.layers, found.shares.round(2).tolist()
    ((2,), [0.2, 0.2])
    >>> found.placement.guarantee.fraction
    1.0
    """
    if combine not in ("worst", "mean"):
        raise InputError(f"combine must be 'worst' or 'mean', not {combine!r}")
    if not quadratics:
        raise InputError("no task: give the quadratic of one at least")
    counts = [quadratic.layers for quadratic in quadratics]
    if len(set(counts)) > 1:
        raise InputError(f"the tasks have different numbers of layers: {counts}")
    every = range(counts[0])
    wholes = np.array([quadratic.gain(tuple(every)) for quadratic in quadratics])
    if not (wholes > 0).all():
        at = int(np.argmin(wholes))
        raise InputError(f"task {at} gains nothing from any layer: it has no share to speak of")
    whole_number(node_limit, "node_limit", 1)
    chosen_from = checked_layers(counts[0], candidates)
    allowed = choices(counts[0], k, costs, chosen_from)
    clock = Clock(time_limit)
    even = np.full(len(quadratics), 1 / len(quadratics))
    tasks = tuple(_sharpest(splits_of(quadratic), allowed) for quadratic in quadratics)
    mixture = TaskMixture(tasks, wholes, even, combine == "worst")
    if mixture.worst and len(tasks) > 1:
        mixture = _least_bound(mixture, allowed, clock)
    found = certify(mixture, allowed, chosen_from, costs, 1e-4, clock)
    price = costs or CostModel.count(counts[0])
    placement = searched(found, (), node_limit, clock, price)
    return SharedPlacement(placement, mixture.shares(placement.layers), mixture.weights)


def _sharpest(found: tuple[Split, ...], allowed: tuple[Choices, ...]) -> Split:
    """The split that proves most in a few steps."""
    if len(found) == 1:
        return found[0]
    widest = max(allowed, key=lambda choice: len(choice.open_layers))
    return min(found, key=lambda split: relax(split, widest, tolerance=1e-2, iterations=30).upper)


def _least_bound(mixture: TaskMixture, allowed: tuple[Choices, ...], clock: Clock) -> TaskMixture:
    """The mixture of the least bound, by Kelley's cutting planes.

    The bound is convex in the weights: each relaxed optimum is a plane below it, the shares there
    its slopes, and the least of the planes' maximum is the next mixture to try.
    """
    m = len(mixture.wholes)
    planes: list[Float64[Array, " m"]] = []
    best, least = mixture, np.inf
    for _ in range(ROUNDS):
        upper = 0.0
        for choice in allowed:
            found = relax(mixture, choice, tolerance=1e-3, iterations=60)
            values = [response.value for response in mixture.responses(found.best.weights)]
            planes.append(np.array(values) / mixture.wholes)
            upper = max(upper, found.upper)
        if upper < least:
            best, least = mixture, upper
        # Variables: the weights, and the height t of the planes; minimise t.
        solved = linprog(
            np.append(np.zeros(m), 1.0),
            A_ub=np.hstack([np.array(planes), -np.ones((len(planes), 1))]),
            b_ub=np.zeros(len(planes)),
            A_eq=np.append(np.ones(m), 0.0)[None],
            b_eq=[1.0],
            bounds=[(0, None)] * m + [(None, None)],
        )
        if solved.x is None or solved.fun is None or clock.over:
            break
        if least <= solved.fun * (1 + 1e-3):
            break
        weights = np.maximum(solved.x[:m], 0.0)
        mixture = TaskMixture(mixture.splits, mixture.wholes, weights / weights.sum(), True)
    return best

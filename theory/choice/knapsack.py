"""The 0-1 knapsack, exactly."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from theory.arrays import Array, Float64, Int64, IntArray
from theory.errors import InputError

TOLERANCE = 1e-9  # relative excess of a budget that counts as rounding


def knapsack(
    values: Float64[Array, " n"], weights: Float64[Array, " n"], budget: float | int
) -> Int64[IntArray, " k"]:
    """Indices of the most valuable items within the budget, ascending.

    Parameters
    ----------
    values : (n,) array
        At least 0.
    weights : (n,) array
        At least 0, in the unit of ``budget``.
    budget : float

    Raises
    ------
    InputError
        The solver fails.

    Notes
    -----
    What the fractional optimum decides is left out (Balas and Zemel's core); the rest is
    mixed-integer programming by HiGHS. Its own feasibility tolerance is 1e-6, so a set that exceeds
    the budget by more than rounding is cut off and the programme solved again.

    Examples
    --------
    >>> knapsack(np.array([6.0, 5.0, 5.0]), np.array([3.0, 2.0, 2.0]), 4.0)
    array([1, 2])
    """
    if not len(values) or weights.sum() <= budget * (1 + TOLERANCE):
        return np.arange(len(values))
    taken, core = _reduced(values, weights, budget)
    left = budget - float(weights[taken].sum())
    rest = core[_solved(values[core], weights[core], left, TOLERANCE * budget)]
    return np.sort(np.concatenate([taken, rest]))


def _reduced(
    values: Float64[Array, " n"], weights: Float64[Array, " n"], budget: float | int
) -> tuple[Int64[IntArray, " k"], Int64[IntArray, " m"]]:
    """Items that every better set than greedy's takes, and those that it may take.

    At ``t``, the value per weight at which the budget runs out, deciding an item otherwise than the
    fractional optimum loses ``|v - t w|`` of it: more than greedy lacks, and the item is decided.
    """
    density = np.divide(values, weights, out=np.full(len(values), np.inf), where=weights > 0)
    order = np.argsort(-density, kind="stable")
    spent = np.cumsum(weights[order])
    first_out = int(np.searchsorted(spent, budget * (1 + TOLERANCE), side="right"))
    t = float(density[order[first_out]])
    left, greedy = budget * (1 + TOLERANCE), 0.0
    for at in order.tolist():
        if weights[at] <= left:
            left, greedy = left - weights[at], greedy + values[at]
    bound = fractional_knapsack(values, weights, budget)
    rounding = 1e-12 * bound
    decided = np.abs(values - t * weights) > bound - greedy + rounding
    return np.flatnonzero(decided & (density > t)), np.flatnonzero(~decided)


def _solved(
    values: Float64[Array, " n"], weights: Float64[Array, " n"], budget: float, rounding: float
) -> Int64[IntArray, " k"]:
    """By mixed-integer programming."""
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    if weights.sum() <= budget + rounding:
        return np.arange(len(values))
    scale = float(weights.max()) or 1.0
    constraints = [LinearConstraint(weights / scale, ub=max(budget, 0.0) / scale)]
    while True:
        solution = milp(
            -values / (float(values.max()) or 1.0),
            integrality=np.ones(len(values), dtype=np.int64),
            bounds=Bounds(0, 1),
            constraints=constraints,
            options={"mip_rel_gap": 0.0},
        )
        if solution.x is None:
            raise InputError(f"the knapsack could not be solved: {solution.message}")
        taken = np.flatnonzero(np.round(solution.x))
        if weights[taken].sum() <= budget + rounding:
            return taken
        row = np.zeros(len(values))
        row[taken] = 1.0
        constraints.append(LinearConstraint(row, ub=len(taken) - 1))


def fractional_knapsack(
    values: Float64[Array, " n"], weights: Float64[Array, " n"], budget: float
) -> float:
    """Value of the best fractional choice: items in order of value per weight.

    >>> fractional_knapsack(np.array([6.0, 5.0]), np.array([3.0, 2.0]), 3.0)
    7.0
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.argsort(-np.where(weights > 0, values / weights, np.inf), kind="stable")
    spent = np.cumsum(weights[order])
    before = spent - weights[order]
    share = np.where(
        weights[order] > 0,
        np.clip((budget - before) / np.where(weights[order] > 0, weights[order], 1.0), 0.0, 1.0),
        1.0,
    )
    return float(values[order] @ share)

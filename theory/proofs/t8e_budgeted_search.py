"""8e: the best set within a budget whose cost is not additive."""

import numpy as np

from theory.arrays import Array
from theory.choice.additive_search import additive_layers
from theory.choice.budget_search import search_within_budget
from theory.choice.cost_model import CostModel
from theory.proofs.problems.quadratic import Problems
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def exact_gain(gain: Array) -> Array:
    """8e: what the search returns is the best within the budget."""
    return 1.0 * gain


def _pairs(problems: SelectionProblems) -> list[tuple[int, float]]:
    return list(enumerate(problems.budget.tolist()))


def _searched(p: SelectionProblems) -> Array:
    found = [search_within_budget(p.quadratics[i], b, p.claimed_cost) for i, b in _pairs(p)]
    return np.array([placement.gain for placement in found])


def _knapsack(p: SelectionProblems) -> Array:
    """Sum of single gains of the set that the library's knapsack chooses."""
    every = tuple(range(p.layers))
    found = [additive_layers(p.quadratics[i], b, p.claimed_cost, every) for i, b in _pairs(p)]
    energy = [q.residual_norms**2 / 2 for q in p.quadratics]
    return np.array([e[list(f)].sum() for e, f in zip(energy, found, strict=True)])


def _depth(claimed_per_depth: float) -> SelectionProblems:
    """Layer 0 gains most, but backward has to come all the way down to it."""
    problems = Problems.from_whitened([np.zeros((3, 3))], [[3.0, 2.0, 1.5]], tuned=[0])
    return SelectionProblems.of(
        problems,
        1,
        cost=CostModel((1.0, 1.0, 1.0), per_depth=1.0),
        budget=np.array([3.5]),
        claimed_cost=CostModel((1.0, 1.0, 1.0), per_depth=claimed_per_depth),
    )


THEOREM = Theorem(
    id="8e",
    title="Exact search within a budget",
    provenance="extension",
    statement=r"\max\{G(S) : a + b\,(L-\min S) + \sum_{l\in S} c_l \le B\} \text{ by branch and"
    r" bound, and of } \tfrac12\sum_S \mathrm{Res}^2 \text{ by a knapsack for each } \min S",
    assumptions=(
        Assumption(
            r"\text{the cost is the true one, depth included}",
            lambda p: np.full(len(p.budget), p.cost == p.claimed_cost),
        ),
    ),
    bounds=(
        Bound(
            "joint gain",
            "equal",
            lambda p: p.best_affordable_gain,
            exact_gain,
            lambda p: (_searched(p),),
        ),
        Bound(
            "sum of gains",
            "equal",
            lambda p: p.best_affordable_sum,
            exact_gain,
            lambda p: (_knapsack(p),),
        ),
    ),
    tight_example=lambda: _depth(1.0),
    violated_example=lambda: _depth(0.0),
    draw=draw_selection_problems,
    functions=("search_within_budget", "additive_within_budget", "pareto_front", "CostModel"),
    figure="pareto_front",
)

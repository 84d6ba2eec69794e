"""Exact search by branch and bound: the best set, or the best found in time, with its bound."""

from collections.abc import Sequence

from realmodel.card.certified import SECONDS, best_of_size
from realmodel.placement.rules.rule import Rule
from theory import BlockQuadratic
from theory.choice.budget_search import search_within_budget
from theory.choice.cost_model import CostModel
from theory.choice.placement import Placement


def within_cost(
    quadratic: BlockQuadratic, limit: float, cost: CostModel, candidates: Sequence[int]
) -> Placement:
    """Largest joint gain within a budget of cost."""
    return search_within_budget(quadratic, limit, cost, candidates=candidates, time_limit=SECONDS)


RULE = Rule("exact search", best_of_size, within_cost)

"""The largest residual norms, as if layers did not interact (8b)."""

from collections.abc import Sequence

from realmodel.placement.rules.rule import Rule
from theory import BlockQuadratic
from theory.choice.additive_search import additive_within_budget
from theory.choice.cost_model import CostModel
from theory.choice.placement import Placement
from theory.choice.top_k import top_k


def of_size(quadratic: BlockQuadratic, size: int, candidates: Sequence[int]) -> Placement:
    """The ``size`` layers of the largest gain alone."""
    return top_k(quadratic, size, candidates=candidates)


def within_cost(
    quadratic: BlockQuadratic, limit: float, cost: CostModel, candidates: Sequence[int]
) -> Placement:
    """The largest sum of single gains within a budget of cost."""
    return additive_within_budget(quadratic, limit, cost, candidates=candidates)


RULE = Rule("largest single gains", of_size, within_cost)

"""Which layers to adapt under a budget, and what that costs on the device at hand."""

from realmodel.placement.budget import OBJECTIVES, Budget
from realmodel.placement.frontier import FrontPoint, front_point, frontier
from realmodel.placement.place import Choice, place
from realmodel.placement.rank_plan import RankPlan, rank_plan

__all__ = [
    "OBJECTIVES",
    "Budget",
    "Choice",
    "FrontPoint",
    "RankPlan",
    "front_point",
    "frontier",
    "place",
    "rank_plan",
]

"""Which layers to adapt under a budget, and what that costs on the device at hand."""

from realmodel.placement.budget import OBJECTIVES, Budget
from realmodel.placement.frontier import FrontPoint, front_point, frontier
from realmodel.placement.place import Choice, place
from realmodel.placement.place_modules import ModuleChoice, place_modules
from realmodel.placement.place_tasks import SharedChoice, place_tasks
from realmodel.placement.rank_plan import RankPlan, rank_plan

__all__ = [
    "OBJECTIVES",
    "Budget",
    "Choice",
    "FrontPoint",
    "ModuleChoice",
    "RankPlan",
    "SharedChoice",
    "front_point",
    "frontier",
    "place",
    "place_modules",
    "place_tasks",
    "rank_plan",
]

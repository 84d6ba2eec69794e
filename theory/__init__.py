"""The local quadratic model of fine-tuning: statements, bounds and placements, in float64.

Pure functions and frozen dataclasses over NumPy and SciPy. Symbols follow ``docs/theory.md``.
"""

from theory.additive_search import additive_within_budget
from theory.additivity import Additivity, additivity
from theory.block_quadratic import BlockQuadratic
from theory.budget_search import search_within_budget
from theory.cost_model import CostModel
from theory.cross_fit import CrossFit, cross_fitted_norm
from theory.errors import InputError
from theory.exact_search import exact_search
from theory.gain_interval import gain_interval
from theory.greedy import greedy
from theory.linear_adapter import LinearAdapter
from theory.norm_budget import BudgetedGain, budgeted_gain
from theory.pareto_front import pareto_front
from theory.placement import Guarantee, Placement
from theory.rank_allocation import RankAllocation, rank_allocation
from theory.residual_norm import kronecker_residual_norm, projected_residual_norm
from theory.spectrum import Spectrum
from theory.step_budget import StepBudget
from theory.theorem import Assumption, Bound, Theorem, Verification
from theory.theorems import THEOREMS
from theory.top_k import top_k

__all__ = [
    "THEOREMS",
    "Additivity",
    "Assumption",
    "BlockQuadratic",
    "Bound",
    "BudgetedGain",
    "CostModel",
    "CrossFit",
    "Guarantee",
    "InputError",
    "LinearAdapter",
    "Placement",
    "RankAllocation",
    "Spectrum",
    "StepBudget",
    "Theorem",
    "Verification",
    "additive_within_budget",
    "additivity",
    "budgeted_gain",
    "cross_fitted_norm",
    "exact_search",
    "gain_interval",
    "greedy",
    "kronecker_residual_norm",
    "pareto_front",
    "projected_residual_norm",
    "rank_allocation",
    "search_within_budget",
    "top_k",
]

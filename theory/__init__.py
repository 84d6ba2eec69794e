"""The local quadratic model of fine-tuning: statements, bounds and placements, in float64.

Pure functions and frozen dataclasses over NumPy and SciPy. Symbols follow ``docs/theory.md``.
"""

from theory.additive_search import additive_within_budget
from theory.additivity import Additivity, additivity
from theory.additivity_bounds.budget_coupling import BudgetCoupling, budget_coupling
from theory.block_quadratic import BlockQuadratic
from theory.budget_search import search_within_budget
from theory.compensation import Compensation, compensation, marginal_gain
from theory.cost_model import CostModel
from theory.cross_fit import CrossFit, cross_fitted_norm
from theory.errors import InputError
from theory.exact_search import exact_search
from theory.function_additivity import FunctionAdditivity, function_additivity
from theory.gain_interval import gain_interval
from theory.greedy import greedy
from theory.interaction_norm import InteractionNorm, block_gershgorin, block_norms, interaction_norm
from theory.linear_adapter import LinearAdapter
from theory.norm_budget import BudgetedGain, budgeted_gain
from theory.pareto_front import pareto_front
from theory.placement import Guarantee, Placement
from theory.projection import principal_cosine, projected_gain
from theory.quadratic.sampled_curvature import sampling_error, true_gain_interval
from theory.rank_allocation import RankAllocation, rank_allocation
from theory.remainder import Remainder, remainder
from theory.residual_norm import kronecker_residual_norm, projected_residual_norm
from theory.spacing import spaced_gain
from theory.spectrum import Spectrum
from theory.spreading import coupling_bound, interaction_cost, isotropic_gain
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
    "BudgetCoupling",
    "BudgetedGain",
    "Compensation",
    "CostModel",
    "CrossFit",
    "FunctionAdditivity",
    "Guarantee",
    "InputError",
    "InteractionNorm",
    "LinearAdapter",
    "Placement",
    "RankAllocation",
    "Remainder",
    "Spectrum",
    "StepBudget",
    "Theorem",
    "Verification",
    "additive_within_budget",
    "additivity",
    "block_gershgorin",
    "block_norms",
    "budget_coupling",
    "budgeted_gain",
    "compensation",
    "coupling_bound",
    "cross_fitted_norm",
    "exact_search",
    "function_additivity",
    "gain_interval",
    "greedy",
    "interaction_cost",
    "interaction_norm",
    "isotropic_gain",
    "kronecker_residual_norm",
    "marginal_gain",
    "pareto_front",
    "principal_cosine",
    "projected_gain",
    "projected_residual_norm",
    "rank_allocation",
    "remainder",
    "sampling_error",
    "search_within_budget",
    "spaced_gain",
    "top_k",
    "true_gain_interval",
]

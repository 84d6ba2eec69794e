from .additivity_bounds.additivity import Additivity, additivity
from .additivity_bounds.budget_coupling import BudgetCoupling, budget_coupling
from .additivity_bounds.function_additivity import FunctionAdditivity, function_additivity
from .additivity_bounds.interaction_norm import (
    InteractionNorm,
    block_gershgorin,
    block_norms,
    interaction_norm,
)
from .additivity_bounds.remainder import Remainder, remainder
from .choice.additive_search import additive_within_budget
from .choice.budget_search import search_within_budget
from .choice.certificate import Certificate, certificate
from .choice.cost_model import CostModel
from .choice.exact_search import exact_search
from .choice.greedy import greedy
from .choice.kernel_quadratic import KernelQuadratic
from .choice.pareto_front import pareto_front
from .choice.placement import Guarantee, Placement
from .choice.rank_allocation import RankAllocation, rank_allocation
from .choice.shared_placement import SharedPlacement, shared_placement
from .choice.top_k import top_k
from .errors import InputError
from .hardness.cross_fit import CrossFit, cross_fitted_norm
from .hardness.gain_interval import gain_interval
from .hardness.linear_adapter import LinearAdapter
from .hardness.norm_budget import BudgetedGain, budgeted_gain
from .hardness.residual_norm import kronecker_residual_norm, projected_residual_norm
from .hardness.spectrum import Spectrum
from .hardness.step_budget import StepBudget
from .proofs.theorem import Assumption, Bound, Theorem, Verification
from .proofs.theorems import THEOREMS
from .quadratic.block_quadratic import BlockQuadratic
from .quadratic.projection import principal_cosine, projected_gain
from .quadratic.sampled_curvature import sampling_error, true_gain_interval
from .spreading.compensation import Compensation, compensation, marginal_gain
from .spreading.coupling_decay import coupling_bound, interaction_cost, isotropic_gain
from .spreading.spacing import spaced_gain

__all__ = [
    "THEOREMS",
    "Additivity",
    "Assumption",
    "BlockQuadratic",
    "Bound",
    "BudgetCoupling",
    "BudgetedGain",
    "Certificate",
    "Compensation",
    "CostModel",
    "CrossFit",
    "FunctionAdditivity",
    "Guarantee",
    "InputError",
    "InteractionNorm",
    "KernelQuadratic",
    "LinearAdapter",
    "Placement",
    "RankAllocation",
    "Remainder",
    "SharedPlacement",
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
    "certificate",
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
    "shared_placement",
    "spaced_gain",
    "top_k",
    "true_gain_interval",
]

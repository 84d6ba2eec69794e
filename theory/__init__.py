"""The local quadratic model of fine-tuning: statements, bounds and placements, in float64.

Pure functions and frozen dataclasses over NumPy and SciPy. Symbols follow ``docs/theory.md``.
"""

from theory.block_quadratic import BlockQuadratic
from theory.cross_fit import CrossFit, cross_fitted_norm
from theory.errors import InputError
from theory.linear_adapter import LinearAdapter
from theory.norm_budget import BudgetedGain, budgeted_gain
from theory.residual_norm import kronecker_residual_norm, projected_residual_norm
from theory.spectrum import Spectrum
from theory.step_budget import StepBudget

__all__ = [
    "BlockQuadratic",
    "BudgetedGain",
    "CrossFit",
    "InputError",
    "LinearAdapter",
    "Spectrum",
    "StepBudget",
    "budgeted_gain",
    "cross_fitted_norm",
    "kronecker_residual_norm",
    "projected_residual_norm",
]

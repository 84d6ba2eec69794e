"""The local quadratic model of fine-tuning: statements, bounds and placements, in float64.

Pure functions and frozen dataclasses over NumPy and SciPy. Symbols follow ``docs/theory.md``.
"""

from theory.additivity import Additivity, additivity
from theory.block_quadratic import BlockQuadratic
from theory.errors import InputError
from theory.theorem import Assumption, Bound, Theorem, Verification
from theory.theorems import THEOREMS

__all__ = [
    "THEOREMS",
    "Additivity",
    "Assumption",
    "BlockQuadratic",
    "Bound",
    "InputError",
    "Theorem",
    "Verification",
    "additivity",
]

"""The local quadratic model of fine-tuning: statements, bounds and placements, in float64.

Pure functions and frozen dataclasses over NumPy and SciPy. Symbols follow ``docs/theory.md``.
"""

from theory.block_quadratic import BlockQuadratic
from theory.errors import InputError

__all__ = ["BlockQuadratic", "InputError"]

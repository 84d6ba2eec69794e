"""How the exact Gauss-Newton curvature is measured."""

from dataclasses import dataclass
from math import inf

from theory import InputError


@dataclass(frozen=True)
class CurvatureOptions:
    """In how many directions, on how many sequences, and with what added.

    Parameters
    ----------
    directions : int
        Rank-1 directions per module.
    damping : float
        Added to the curvature's diagonal, where 1 is the curvature of a perfect Kronecker model.
    curvature_samples : int
        Sequences, drawn at random, behind the curvature; the jackknife error of the gain includes
        what so few leave uncertain.

    Raises
    ------
    InputError
        When a number is out of range.

    Examples
    --------
    >>> CurvatureOptions(damping=-1.0)
    Traceback (most recent call last):
    ...
    theory.errors.InputError: damping must not be negative, got -1.0
    """

    directions: int = 4
    damping: float = 0.0
    curvature_samples: int = 64

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("directions", "curvature_samples"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.damping < inf:
            problem = "be finite" if self.damping > 0 else "not be negative"
            raise InputError(f"damping must {problem}, got {self.damping}")

"""How the exact Gauss-Newton curvature is measured."""

from dataclasses import dataclass

from theory.real_numbers import finite_nonnegative
from theory.whole_numbers import whole_number


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
        """Check types and ranges."""
        for name in ("directions", "curvature_samples"):
            object.__setattr__(self, name, whole_number(getattr(self, name), name, 1))
        finite_nonnegative(self.damping, "damping")

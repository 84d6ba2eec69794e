"""How the gain of whole layers is bracketed."""

from dataclasses import dataclass
from math import inf

from theory import InputError
from theory.real_numbers import real_number
from theory.whole_numbers import whole_number


@dataclass(frozen=True)
class LanczosOptions:
    """Work and damping of :func:`realmodel.measure.gauss_newton.layers_interval`.

    Parameters
    ----------
    products : int
        Gauss-Newton products behind each of a bracket's two sides.
    damping : float
        Added to the whitened curvature; it is what bounds the spectrum from below, and so what
        makes the upper side possible.

    Raises
    ------
    InputError
        When a number is out of range, under its name on a card.

    Examples
    --------
    >>> LanczosOptions(damping=0.0)
    Traceback (most recent call last):
    ...
    theory.errors.InputError: interval_damping must be positive, got 0.0
    """

    products: int = 8
    damping: float = 1.0

    def __post_init__(self) -> None:
        """Check types and ranges."""
        object.__setattr__(self, "products", whole_number(self.products, "interval_products", 1))
        if not 0 < real_number(self.damping, "interval_damping") < inf:
            raise InputError(f"interval_damping must be positive, got {self.damping}")

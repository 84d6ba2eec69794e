"""How the gain of whole layers is bracketed."""

from dataclasses import dataclass
from math import inf

from theory import InputError


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
        """Check ranges."""
        if self.products < 1:
            raise InputError(f"interval_products must be at least 1, got {self.products}")
        if not 0 < self.damping < inf:
            raise InputError(f"interval_damping must be positive, got {self.damping}")

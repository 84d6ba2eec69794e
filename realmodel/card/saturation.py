"""How a gain saturates: from the gain that a quadratic model has to the one that comes true."""

from dataclasses import dataclass
from math import expm1, inf, isfinite
from typing import Final

from theory import InputError

SHARPEST: Final = 12.0
"""Of the rate times the largest gain: beyond, everything has the ceiling to five digits."""


@dataclass(frozen=True)
class Saturation:
    """``ceiling (1 - exp(-rate p / ceiling))``: increasing and concave in the model's gain ``p``.

    A loss whose reducible part ``c`` falls at a speed proportional to what is left of it, over a
    time that the model counts as ``p``: ``rate`` is what a small gain of the model comes to, and no
    gain exceeds ``ceiling``. Increasing, so that it changes no order.

    Attributes
    ----------
    rate : float
        What comes true of a small gain.
    ceiling : float
        In the unit of the gain; infinite where nothing saturates.

    Notes
    -----
    Provenance: extension; measured against others in docs/forecast.md.
    """

    rate: float
    ceiling: float

    def gain(self, p: float) -> float:
        """What comes true of the model's gain ``p``, in its unit.

        Examples
        --------
        >>> Saturation(2.0, inf).gain(0.5), round(Saturation(2.0, 1.0).gain(0.5), 6)
        (1.0, 0.632121)
        """
        if not isfinite(self.ceiling):
            return self.rate * p
        return -self.ceiling * expm1(-self.rate * p / self.ceiling)

    @classmethod
    def through(cls, some: tuple[float, float], all_: tuple[float, float]) -> "Saturation":
        """The curve through two points ``(p, gain)``, the second one of the larger ``p``.

        Where the gains lie further apart than the model's it is the straight line through the
        second point; where they do not differ, it is flat beyond the first.

        Raises
        ------
        InputError
            A gain that is not positive, or models' gains in another order.

        Examples
        --------
        >>> curve = Saturation.through((0.5, 0.6), (1.0, 0.9))
        >>> round(curve.gain(0.5), 6), round(curve.gain(1.0), 6)
        (0.6, 0.9)
        >>> Saturation.through((0.5, 0.3), (1.0, 0.9)) == Saturation(0.9, inf)
        True
        """
        (p, g), (P, G) = some, all_
        if not 0 < p <= P or g <= 0 or G <= 0:
            raise InputError(f"no curve of gains through {some} and {all_}")
        if g / G <= p / P:
            return cls(G / P, inf)

        def share(x: float) -> float:
            return expm1(-x * p / P) / expm1(-x)

        low, high = 0.0, SHARPEST
        if share(high) > g / G:
            while high - low > 1e-12 * high:
                middle = (low + high) / 2
                low, high = (middle, high) if share(middle) < g / G else (low, middle)
        ceiling = -G / expm1(-high)
        return cls(high * ceiling / P, ceiling)

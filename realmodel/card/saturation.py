"""How a gain saturates: from the gain that a quadratic model has to the one that comes true."""

from dataclasses import dataclass
from math import inf
from typing import Final

from theory import InputError

CLOSEST: Final = 0.98
"""Share of the gain of all layers that a few can be taken to have: two runs differ by chance."""


@dataclass(frozen=True)
class Saturation:
    """``rate p / (1 + rate p / ceiling)``: increasing and concave in the model's gain ``p``.

    It is what the tangent model itself does in one direction, ``c^2 / (2 (w + 1 / (2 tau)))``:
    the first-order rate while there is little, and a limit that no step passes. Adding it once
    more for all layers together stands for what they share and the model takes for separate.
    Increasing, so that it changes no order.

    Attributes
    ----------
    rate : float
        What comes true of a small gain.
    ceiling : float
        In the unit of the gain; infinite where nothing saturates.

    Notes
    -----
    Provenance: extension, chosen by measurement (docs/forecast.md).
    """

    rate: float
    ceiling: float

    def gain(self, p: float) -> float:
        """What comes true of the model's gain ``p``, in its unit.

        Examples
        --------
        >>> Saturation(2.0, inf).gain(0.5), Saturation(2.0, 1.0).gain(0.5)
        (1.0, 0.5)
        """
        return self.rate * p / (1 + self.rate * p / self.ceiling)

    @classmethod
    def through(cls, some: tuple[float, float], whole: tuple[float, float]) -> "Saturation":
        """The curve through two points ``(p, gain)``, the second one of the larger ``p``.

        Where the gains lie further apart than the model's it is the straight line through the
        second point; where they hardly differ, it passes there and keeps 2% for the rest.

        Raises
        ------
        InputError
            A gain that is not positive, or models' gains in another order.

        Examples
        --------
        >>> curve = Saturation.through((0.5, 0.6), (1.0, 0.9))
        >>> round(curve.rate, 6), round(curve.ceiling, 6)
        (1.8, 1.8)
        >>> Saturation.through((0.5, 0.3), (1.0, 0.9)) == Saturation(0.9, inf)
        True
        """
        (p, g), (P, G) = some, whole
        if not 0 < p <= P or g <= 0 or G <= 0:
            raise InputError(f"no curve of gains through {some} and {whole}")
        g = min(g, CLOSEST * G)
        if g / G <= p / P:
            return cls(G / P, inf)
        # 1 / gain is a straight line in 1 / p, of slope 1 / rate and intercept 1 / ceiling.
        slope = (1 / g - 1 / G) / (1 / p - 1 / P)
        intercept = 1 / G - slope / P
        return cls(1 / slope, 1 / intercept if intercept > 0 else inf)

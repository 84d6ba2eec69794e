"""How a problem answers weighted layers: what searches and certificates ask of it (10a, 10b)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from theory.arrays import Array, Float64

Scalars = Array | float


def dual_upper(energy: Scalars, top: Scalars) -> Scalars:
    """10a: the best gain is at most ``1/2 y'R y`` plus the best sum of prices."""
    return energy + top


def mean_lower(value: Scalars, other: Scalars) -> Scalars:
    """10b: half way between two weights the relaxed gain is at least the mean of theirs."""
    return 0.5 * (value + other)


def adding_upper(gain: Scalars, price: Scalars) -> Scalars:
    """10c: with a layer of this price added, a set gains at most this."""
    return gain + price


def dropping_upper(gain: Scalars, price: Scalars) -> Scalars:
    """10c: with a layer of this price dropped, a set gains at most this."""
    return gain - price


@dataclass(frozen=True, eq=False)
class Response:
    """The minimiser ``y`` of the quadratic with ``N_l / z_l`` in place of ``N_l``.

    Attributes
    ----------
    weights : (L,) array
        ``z``.
    value : float
        ``G(z)``, concave in ``z`` and the gain of a set at its indicator (10b).
    energy : float
        ``1/2 y'R y``.
    prices : (L,) array
        ``1/2 r_l'N_l^{-1}r_l`` with ``r = g + R y``: the slope of ``G`` in ``z_l``.
    """

    weights: Float64[Array, " L"]
    value: float
    energy: float
    prices: Float64[Array, " L"]


@runtime_checkable
class Split(Protocol):
    """A quadratic with curvature ``N + R``: ``N`` block-diagonal and positive, ``R >= 0``."""

    @property
    def reason(self) -> str:
        """Empty, or why the responses prove no bound."""
        ...

    @property
    def layers(self) -> int:
        """``L``."""
        ...

    def gain(self, layers: Sequence[int]) -> float:
        """``G(S)``."""
        ...

    def respond(self, weights: Float64[Array, " L"]) -> Response:
        """The response to weights in [0, 1]."""
        ...

    def additions(
        self, chosen: Sequence[int], layers: Sequence[int], costs: Float64[Array, " L"]
    ) -> tuple[int, float]:
        """Which of ``layers`` adds most per unit of cost to the chosen ones, and the gain then."""
        ...

"""A trained adapter: what every way of fitting returns."""

from dataclasses import dataclass

from theory.arrays import Array, Float64


@dataclass(frozen=True)
class Fit:
    """An adapter, and how far it lowers the loss that it was trained on.

    Parameters
    ----------
    adapter : (m, p)
        A = (A_1 .. A_L), zero outside the tuned layers.
    layers
        The tuned layers.
    gain
        Decrease of the training loss, in its unit.
    gains
        The decrease after each step or sweep of an iterative fit, the start included.
    """

    adapter: Float64[Array, "m p"]
    layers: tuple[int, ...]
    gain: float
    gains: tuple[float, ...] = ()

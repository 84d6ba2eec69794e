"""The concave relaxation of choosing layers, and the bound that every iterate proves (10a, 10b)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import Array, Float64
from theory.choice.choices import Choices
from theory.choice.response import Response, Split, dual_upper


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What the iteration has found.

    Attributes
    ----------
    upper : float
        The least bound (10a) of all iterates: no set of the choices gains more.
    proof : Response
        The iterate that proves it.
    best : Response
        The iterate of the largest relaxed gain; the maximum lies between it and ``upper``.
    """

    upper: float
    proof: Response
    best: Response


def respond_to(split: Split, layers: Sequence[int]) -> Response:
    """The response to a set of layers."""
    indicator = np.zeros(split.layers)
    indicator[list(layers)] = 1.0
    return split.respond(indicator)


def bound_at(split: Split, allowed: Sequence[Choices], layers: Sequence[int]) -> float:
    """10a at the response of one set: no allowed set gains more.

    It is the set's own gain where no allowed set has larger prices: that proves it a best one
    (10c).
    """
    own = respond_to(split, layers)
    return max(float(dual_upper(own.energy, choices.value(own.prices))) for choices in allowed)


def relax(
    split: Split,
    choices: Choices,
    *,
    start: Float64[Array, " L"] | None = None,
    tolerance: float = 1e-4,
    iterations: int = 200,
    cutoff: float = 0.0,
) -> Relaxation:
    """Maximise ``G(z)`` over the relaxed choices by the multiplicative algorithm.

    ``z_l`` is multiplied by its price per cost and the result scaled back to the budget, the
    algorithm of optimal design (Titterington 1976; Yu 2010). With the square root of the price it
    is alternate minimisation over ``theta`` and ``z`` and rises at every step; with the price
    itself it takes half the steps and is used for as long as it rises.

    Parameters
    ----------
    split : Split
    choices : Choices
    start : (L,) array, optional
        Weights to start from; even ones by default. A free layer of weight 0 stays there.
    tolerance : float
        Relative distance of bound and relaxed gain at which to stop.
    iterations : int
        Most responses to compute.
    cutoff : float
        Stop once the bound is no larger: nothing above it is left.
    """
    z = choices.even() if start is None else choices.weights(start)
    costs = np.where(choices.costs > 0, choices.costs, 1.0)
    power = 1.0
    best = proof = split.respond(z)
    upper = float(dual_upper(best.energy, choices.value(best.prices)))
    for _ in range(iterations - 1):
        if upper <= max(cutoff, best.value * (1 + tolerance)) or upper == np.inf:
            break
        point = split.respond(choices.weights(best.weights * (best.prices / costs) ** power))
        bound = float(dual_upper(point.energy, choices.value(point.prices)))
        if bound < upper:
            upper, proof = bound, point
        if point.value < best.value:
            if power == 0.5:  # Rounding: the square root rises otherwise.
                break
            power = 0.5
        else:
            best = point
    return Relaxation(upper, proof, best)

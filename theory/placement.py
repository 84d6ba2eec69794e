"""A chosen set of layers, and what is known about how good it is (section 8)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.block_quadratic import BlockQuadratic


@dataclass(frozen=True)
class Guarantee:
    """How the gain of a placement compares with the best one of the same size or budget.

    Parameters
    ----------
    fraction : float
        The placement has at least this share of the best gain, by the signed coupling range;
        1 when it is the best one, 0 when nothing is known.
    paper_fraction : float
        The same by ``rho`` alone; 0 when ``rho >= 1``, where that form is void.
    best_gain_at_most : float
        Certified upper bound on the best gain.
    statement : str
        Which results stand behind the numbers, and which are void here.
    """

    fraction: float
    paper_fraction: float
    best_gain_at_most: float
    statement: str


@dataclass(frozen=True)
class Placement:
    """Layers to adapt.

    Parameters
    ----------
    layers : tuple of int
        Ascending.
    gain : float
        ``G(layers)``, the largest decrease of the quadratic model (nats per completion token).
    cost : float
        By the cost model in use; the number of layers by default.
    guarantee : Guarantee
        Against the best placement of the same size or budget.
    """

    layers: tuple[int, ...]
    gain: float
    cost: float
    guarantee: Guarantee


def greedy_fraction(gamma: float) -> float:
    """``1 - e^{-gamma}`` for a submodularity ratio bounded below by ``gamma`` (8a).

    >>> greedy_fraction(1.0) == 1 - 1 / math.e
    True
    >>> greedy_fraction(-0.5)
    0.0
    """
    return -math.expm1(-gamma) if gamma > 0 else 0.0


def additive_fraction(mu_min: float, mu_max: float) -> float:
    """``(1 + mu_min) / (1 + mu_max)``: what the best additive score is worth (8b).

    >>> additive_fraction(-0.5, 0.5) == (1 - 0.5) / (1 + 0.5)
    True
    >>> additive_fraction(-1.5, 1.5)
    0.0
    """
    return max(1.0 + mu_min, 0.0) / (1.0 + mu_max) if mu_max > -1 else 0.0


def best_gain_bound(
    quadratic: BlockQuadratic, candidates: Sequence[int], size: int | None = None
) -> float:
    """Upper bound on the best gain of ``size`` candidates: the lesser of two (8c).

    All candidates together, and the ``size`` largest ``1/2 Res^2 / (1 + mu_min)``.
    """
    everything = quadratic.gain(candidates)
    floor = 1.0 + quadratic.coupling_range[0]
    if floor <= 0:
        return everything
    energies = np.sort(0.5 * quadratic.residual_norms[list(candidates)] ** 2)
    return min(everything, float(energies[-size if size else 0 :].sum()) / floor)


def describe(quadratic: BlockQuadratic, method: str, signed: float, paper: float) -> str:
    """One sentence per bound: in force, weak or void."""
    low, high = quadratic.coupling_range
    rho = quadratic.coupling
    lines = [
        f"{method}: at least {signed:.1%} of the best gain (signed range {low:.3g}..{high:.3g})"
    ]
    if signed < 0.01:
        lines = [
            f"{method}: the signed guarantee is void in practice ({signed:.2g} of the best gain), "
            f"since mu_min = {low:.6g} is near -1"
        ]
    if rho >= 1:
        lines.append(f"the paper's form is void: rho = {rho:.3g} is not below 1")
    else:
        lines.append(f"the paper's form gives {paper:.1%} (rho = {rho:.3g})")
    return "; ".join(lines)

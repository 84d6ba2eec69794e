"""A chosen set of layers, and what is known about how good it is (section 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import Array
from theory.quadratic.block_quadratic import BlockQuadratic

Scalars = Array | float


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


def submodularity_lower(gamma: Scalars, joint: Scalars) -> Scalars:
    """8: the marginal gains of layers add up to at least ``gamma`` times their joint one."""
    return gamma * joint


def greedy_lower(gamma: Scalars, best: Scalars) -> Scalars:
    """8a: greedy gains at least ``(1 - e^{-gamma})`` of the best; nothing when ``gamma <= 0``."""
    return -np.expm1(-np.maximum(gamma, 0.0)) * best


def greedy_lower_by_coupling(rho: Scalars, best: Scalars) -> Scalars:
    """8a in terms of ``rho``, with ``gamma >= 1 - rho``; nothing when ``rho >= 1``."""
    return -np.expm1(-np.maximum(1 - rho, 0.0)) * best


def additive_lower(floor: Scalars, ceiling: Scalars, best: Scalars) -> Scalars:
    """8b: the largest sum gains at least ``(1 + mu_min) / (1 + mu_max)`` of the best.

    ``floor`` and ``ceiling`` are (bounds on) ``1 + mu_min`` and ``1 + mu_max``.
    """
    return np.maximum(floor, 0.0) / ceiling * best


def additive_lower_by_coupling(rho: Scalars, best: Scalars) -> Scalars:
    """8b in terms of ``rho``: ``(1 - rho) / (1 + rho)``; nothing when ``rho >= 1``."""
    return np.maximum(1 - rho, 0.0) / (1 + rho) * best


def extension_upper(gain: Scalars, energy: Scalars, floor: Scalars) -> Scalars:
    """8c: adding layers to some of gain ``gain`` reaches at most this.

    ``energy`` is the sum of the largest ``||w_j||^2`` of the added layers, *conditional* on those
    chosen (``w = u`` when none is), and ``floor`` a lower bound on ``1 + mu_min``.
    """
    return gain + 0.5 * energy / floor


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
    energies = np.sort(quadratic.residual_norms[list(candidates)] ** 2)
    energy = float(energies[-size if size else 0 :].sum())
    return min(everything, float(extension_upper(0.0, energy, floor)))


def greedy_guarantee(
    quadratic: BlockQuadratic, candidates: Sequence[int], size: int | None = None
) -> Guarantee:
    """8a, in signed form and by ``rho``."""
    signed = float(greedy_lower(1.0 + quadratic.coupling_range[0], 1.0))
    paper = float(greedy_lower_by_coupling(quadratic.coupling, 1.0))
    return _guarantee(quadratic, "greedy (8a)", signed, paper, candidates, size)


def additive_guarantee(
    quadratic: BlockQuadratic, candidates: Sequence[int], size: int | None = None
) -> Guarantee:
    """8b, in signed form and by ``rho``: for sets whose sum of ``Res^2`` is the largest allowed."""
    low, high = quadratic.coupling_range
    signed = float(additive_lower(1.0 + low, 1.0 + high, 1.0))
    paper = float(additive_lower_by_coupling(quadratic.coupling, 1.0))
    return _guarantee(quadratic, "largest residual norms (8b)", signed, paper, candidates, size)


def _guarantee(
    quadratic: BlockQuadratic,
    method: str,
    signed: float,
    paper: float,
    candidates: Sequence[int],
    size: int | None,
) -> Guarantee:
    low, high = quadratic.coupling_range
    if signed < 0.01:
        text = f"the signed guarantee is void in practice ({signed:.2g}): mu_min = {low:.6g}"
    else:
        text = f"at least {signed:.1%} of the best gain, by the signed range {low:.3g}..{high:.3g}"
    if quadratic.coupling >= 1:
        form = f"the paper's form is void, since rho = {quadratic.coupling:.3g} is not below 1"
    else:
        form = f"the paper's form gives {paper:.1%} (rho = {quadratic.coupling:.3g})"
    at_most = best_gain_bound(quadratic, candidates, size)
    return Guarantee(signed, paper, at_most, f"{method}: {text}; {form}")

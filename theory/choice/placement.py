"""A chosen set of layers, and what is known about how good it is (section 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import Array
from theory.choice.block_split import splits
from theory.choice.choices import Choices, choices
from theory.choice.greedy_share import greedy_lower_by_steps
from theory.choice.relaxation import bound_at, relax
from theory.quadratic.block_quadratic import BlockQuadratic

Scalars = Array | float


@dataclass(frozen=True)
class Guarantee:
    """How the gain of a placement compares with the best one of the same size or budget.

    Parameters
    ----------
    fraction : float
        The placement has at least this share of the best gain, by the best result at hand: a
        certificate (10a) or the rule's own promise; 1 when it is the best one.
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
    quadratic: BlockQuadratic,
    candidates: Sequence[int],
    allowed: tuple[Choices, ...],
    layers: Sequence[int],
) -> float:
    """Upper bound on the best gain of the allowed sets, at any coupling.

    The gain of all candidates, or the dual certificate (10a) if it is less: relaxed for one family
    of sets, where it is no looser than 8c, and at the response of ``layers`` for more.
    """
    found = [quadratic.gain(candidates)]
    for split in splits(quadratic):
        if len(allowed) == 1:
            found.append(relax(split, allowed[0], tolerance=1e-3, iterations=30).upper)
        else:
            found.append(bound_at(split, allowed, layers))
    return min(found)


def greedy_guarantee(
    quadratic: BlockQuadratic, candidates: Sequence[int], layers: Sequence[int]
) -> Guarantee:
    """What is known of the ``layers`` that greedy took: the best of 12f, 8a and 10a."""
    gamma, size = 1.0 + quadratic.coupling_range[0], len(layers)
    paper = float(greedy_lower_by_coupling(quadratic.coupling, 1.0))
    signed = float(greedy_lower_by_steps(gamma, size, 1.0))
    allowed = choices(quadratic.layers, size, None, candidates)
    return guarantee(quadratic, candidates, allowed, layers, (signed, "greedy (12f)"), paper)


def additive_guarantee(
    quadratic: BlockQuadratic,
    candidates: Sequence[int],
    layers: Sequence[int],
    allowed: tuple[Choices, ...],
) -> Guarantee:
    """What is known of ``layers`` whose sum of ``Res^2`` is the largest allowed: 8b or 10a."""
    low, high = quadratic.coupling_range
    signed = float(additive_lower(1.0 + low, 1.0 + high, 1.0))
    paper = float(additive_lower_by_coupling(quadratic.coupling, 1.0))
    promise = (signed, "largest residual norms (8b)")
    return guarantee(quadratic, candidates, allowed, layers, promise, paper)


def guarantee(
    quadratic: BlockQuadratic,
    candidates: Sequence[int],
    allowed: tuple[Choices, ...],
    layers: Sequence[int],
    promise: tuple[float, str],
    paper: float,
) -> Guarantee:
    """The larger of a rule's own promise and of gain over certificate, with its reason.

    ``promise`` is a share of the best gain and the name of the rule with its result.
    """
    at_most = best_gain_bound(quadratic, candidates, allowed, layers)
    certified = min(quadratic.gain(layers) / at_most, 1.0) if at_most > 0 else 1.0
    signed, rule = promise
    low, high = quadratic.coupling_range
    if signed > certified:
        text = f"at least {signed:.1%} of the best gain, by the signed range {low:.3g}..{high:.3g}"
    else:
        text = f"at least {certified:.1%} of the best gain, by its certificate (10a)"
        if signed < 0.01:
            text += f"; the rule's own promise is void in practice ({signed:.2g})"
        elif signed < 1:
            text += f"; the rule itself promises {signed:.1%}"
    if quadratic.coupling >= 1:
        form = f"the paper's form is void, since rho = {quadratic.coupling:.3g} is not below 1"
    else:
        form = f"the paper's form gives {paper:.1%} (rho = {quadratic.coupling:.3g})"
    return Guarantee(max(signed, certified), paper, at_most, f"{rule}: {text}; {form}")

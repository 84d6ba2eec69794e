r"""How far the gains of single layers add up (section 1).

The factors below are functions of the coupling alone, in the paper's form (``rho``) and in the
signed form (``mu_min``, ``mu_max``); they broadcast.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import Array
from theory.quadratic.block_quadratic import BlockQuadratic

Scalars = Array | float


def gain_upper(rho: Scalars, energy: Scalars) -> Scalars:
    """1b: ``G <= energy / (2 (1 - rho))``, with ``energy = sum_l Res_l^2``; needs ``rho < 1``."""
    return 0.5 * energy / (1 - rho)


def gain_lower(rho: Scalars, energy: Scalars) -> Scalars:
    """1b: ``G >= energy / (2 (1 + rho))``."""
    return 0.5 * energy / (1 + rho)


def displacement_upper(rho: Scalars, separate: Scalars) -> Scalars:
    """1a: ``||theta_glob - theta_loc||_D <= rho / (1 - rho) ||theta_loc||_D``."""
    return rho / (1 - rho) * separate


def displacement_upper_joint(rho: Scalars, joint: Scalars) -> Scalars:
    """1a: ``||theta_glob - theta_loc||_D <= rho ||theta_glob||_D``; holds for every ``rho``."""
    return rho * joint


def excess_upper(rho: Scalars, energy: Scalars) -> Scalars:
    """1c: ``Q(theta_loc) - Q(theta_glob) <= rho^2 energy / (2 (1 - rho))``."""
    return 0.5 * rho**2 / (1 - rho) * energy


def separate_gain_lower(rho: Scalars, energy: Scalars) -> Scalars:
    """1d: ``-Q(theta_loc) >= (1 - rho) energy / 2``."""
    return 0.5 * (1 - rho) * energy


def separate_gain_upper(rho: Scalars, energy: Scalars) -> Scalars:
    """1d: ``-Q(theta_loc) <= (1 + rho) energy / 2``."""
    return 0.5 * (1 + rho) * energy


def signed_gain_upper(mu_min: Scalars, energy: Scalars) -> Scalars:
    """1f: ``G <= energy / (2 (1 + mu_min))``; needs ``mu_min > -1`` alone."""
    return 0.5 * energy / (1 + mu_min)


def signed_gain_lower(mu_max: Scalars, energy: Scalars) -> Scalars:
    """1f: ``G >= energy / (2 (1 + mu_max))``."""
    return 0.5 * energy / (1 + mu_max)


def signed_displacement_upper(mu_min: Scalars, mu_max: Scalars, separate: Scalars) -> Scalars:
    """1f: the factor of 1a becomes ``max(|mu_min| / (1 + mu_min), mu_max / (1 + mu_max))``."""
    return np.maximum(-mu_min / (1 + mu_min), mu_max / (1 + mu_max)) * separate


def signed_excess_upper(mu_min: Scalars, mu_max: Scalars, energy: Scalars) -> Scalars:
    """1c in signed form: ``mu^2 / (1 + mu)`` at the worse end."""
    return 0.5 * np.maximum(mu_min**2 / (1 + mu_min), mu_max**2 / (1 + mu_max)) * energy


def aligned_gain_lower(alignment: Scalars, energy: Scalars) -> Scalars:
    """1g: ``G >= energy / (2 (1 + tau))`` with ``tau = u'Mu / u'u``."""
    return 0.5 * energy / (1 + alignment)


def aligned_gain_upper(
    alignment: Scalars, mu_min: Scalars, mu_max: Scalars, energy: Scalars
) -> Scalars:
    """12a: ``G <= energy (1 + mu_min + mu_max - tau) / (2 (1 + mu_min)(1 + mu_max))``."""
    return 0.5 * energy * (1 + mu_min + mu_max - alignment) / ((1 + mu_min) * (1 + mu_max))


def signed_separate_upper(mu_min: Scalars, energy: Scalars) -> Scalars:
    """12c: ``-Q(theta_loc) <= (1 - mu_min) energy / 2``, at most the energy if ``H >= 0``."""
    return 0.5 * (1 - mu_min) * energy


def signed_separate_lower(mu_max: Scalars, energy: Scalars) -> Scalars:
    """12c: ``-Q(theta_loc) >= (1 - mu_max) energy / 2``."""
    return 0.5 * (1 - mu_max) * energy


@dataclass(frozen=True)
class Additivity:
    """What the coupling says about the gain of a set of layers, and the gain itself.

    Gains and losses are in the unit of the loss (nats per completion token on a language model),
    displacements in its square root.

    Attributes
    ----------
    layers
        The set ``S``; everything below is about the quadratic restricted to it.
    coupling, mu_min, mu_max
        ``rho_S`` and the signed range.
    alignment
        ``tau = u'Mu / u'u``: positive is redundant, negative is synergistic to first order.
    sum_of_gains
        ``sum_l Res_l^2 / 2``, what the layers would gain if they did not interact.
    gain
        ``G(S)``.
    lower, upper
        The paper's interval for the gain (1b); ``upper`` is infinite when ``rho >= 1``.
    signed_lower, signed_upper
        The signed interval (1f), never wider.
    aligned_lower
        The bound from the alignment (1g), never below ``signed_lower``.
    aligned_upper
        Its partner from above (12a), never above ``signed_upper``; infinite with it.
    displacement, displacement_bound, signed_displacement_bound
        ``||theta_glob - theta_loc||_D`` and its bounds (1a, 1f).
    excess_loss, excess_loss_bound, signed_excess_loss_bound
        ``Q(theta_loc) - Q(theta_glob)`` and its bounds (1c).
    separate_gain, separate_lower, separate_upper
        ``-Q(theta_loc)``, layers trained alone and inserted together, and its interval (1d).
    signed_separate_lower, signed_separate_upper
        The signed interval (12c), never wider.
    reasons
        Why a bound is infinite or a pseudo-inverse was used; empty on a regular problem.
    """

    layers: tuple[int, ...]
    coupling: float
    mu_min: float
    mu_max: float
    alignment: float
    sum_of_gains: float
    gain: float
    lower: float
    upper: float
    signed_lower: float
    signed_upper: float
    aligned_lower: float
    aligned_upper: float
    displacement: float
    displacement_bound: float
    signed_displacement_bound: float
    excess_loss: float
    excess_loss_bound: float
    signed_excess_loss_bound: float
    separate_gain: float
    separate_lower: float
    separate_upper: float
    signed_separate_lower: float
    signed_separate_upper: float
    reasons: tuple[str, ...]


def additivity(quadratic: BlockQuadratic, layers: Sequence[int] | None = None) -> Additivity:
    """Compare the joint gain of ``layers`` with the sum of their single gains.

    Parameters
    ----------
    quadratic : BlockQuadratic
        One block per layer.
    layers : sequence of int, optional
        The set ``S``; all layers by default.

    Returns
    -------
    Additivity
        Gains in the unit of the loss; a bound that does not hold here is infinite, with its reason.

    Raises
    ------
    InputError
        The set of layers is empty, repeats one or is out of range.

    Notes
    -----
    Provenance: reconstruction of Theorem 3.2 (1a-1d; the condition ``rho < 1`` is the paper's);
    the signed forms and the alignment (1f, 1g, 12a, 12c) are extensions.

    Examples
    --------
    Two scalar layers with coupling -1/2, gradient along the worst direction: 1b is attained.

    >>> H = np.array([[1.0, -0.5], [-0.5, 1.0]])
    >>> record = additivity(BlockQuadratic(np.ones(2), H, (1, 1)))
    >>> [round(value, 12) for value in (record.gain, record.upper, record.sum_of_gains)]
    [2.0, 2.0, 1.0]
    """
    chosen = quadratic.select(layers)
    part = quadratic if len(chosen) == quadratic.layers else quadratic.restrict(chosen)
    u, M = part.whitened_gradient, part.whitened_coupling
    mu_min, mu_max = part.coupling_range
    rho = part.coupling
    energy = float(u @ u)
    joint, separate = part.minimiser(), part.separate_minimiser()
    reasons = list(part.reasons)
    if rho >= 1:
        reasons.append(
            f"coupling {rho:.4g} is not below 1: the paper's upper bounds are infinite; the signed "
            "ones hold"
        )
    positive = mu_min > -1 + part.noise
    if not positive:
        reasons.append(
            "mu_min is -1 to working precision: the signed upper bounds are infinite, and the gain "
            "is that of the pseudo-inverse"
        )
    alignment = float(u @ M @ u) / energy if energy > 0 else 0.0
    length = float(np.sqrt(energy))

    def finite_if(condition: bool, formula: Callable[..., Scalars], *arguments: float) -> float:
        return float(formula(*arguments)) if condition else np.inf

    return Additivity(
        layers=chosen,
        coupling=rho,
        mu_min=mu_min,
        mu_max=mu_max,
        alignment=alignment,
        sum_of_gains=0.5 * energy,
        gain=part.gain(),
        lower=float(gain_lower(rho, energy)),
        upper=finite_if(rho < 1, gain_upper, rho, energy),
        signed_lower=float(signed_gain_lower(mu_max, energy)),
        signed_upper=finite_if(positive, signed_gain_upper, mu_min, energy),
        aligned_lower=float(aligned_gain_lower(alignment, energy)) if alignment > -1 else 0.0,
        aligned_upper=finite_if(positive, aligned_gain_upper, alignment, mu_min, mu_max, energy),
        displacement=part.norm(joint - separate),
        displacement_bound=finite_if(rho < 1, displacement_upper, rho, length),
        signed_displacement_bound=float(signed_displacement_upper(mu_min, mu_max, length))
        if positive
        else np.inf,
        excess_loss=part.value(separate) - part.value(joint),
        excess_loss_bound=finite_if(rho < 1, excess_upper, rho, energy),
        signed_excess_loss_bound=float(signed_excess_upper(mu_min, mu_max, energy))
        if positive
        else np.inf,
        separate_gain=-part.value(separate),
        separate_lower=float(separate_gain_lower(rho, energy)),
        separate_upper=float(separate_gain_upper(rho, energy)),
        signed_separate_lower=float(signed_separate_lower(mu_max, energy)),
        signed_separate_upper=float(signed_separate_upper(mu_min, energy)),
        reasons=tuple(reasons),
    )

"""What the tuned layers do about the layers that stay frozen (section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import Array, Float64
from theory.errors import InputError
from theory.quadratic.block_quadratic import BlockQuadratic

Scalars = Array | float


def compensation_upper(rho: Scalars, rho_tuned: Scalars, outside: Scalars) -> Scalars:
    """5a: ``||theta*_S - theta_glob,S||_D <= rho / (1 - rho_S) ||theta_glob,T||_D``."""
    return rho / (1 - rho_tuned) * outside


def sharp_compensation_upper(rho: Scalars, rho_tuned: Scalars, outside: Scalars) -> Scalars:
    """5d: the largest displacement that ``rho`` and ``rho_S`` allow; needs ``rho_S < 1`` alone.

    ``sqrt(rho^2 - rho_S^2) / (1 - rho_S)`` while ``rho_S <= rho^2``, then ``rho / sqrt(1 -
    rho^2)``: it never exceeds 5a and does not blow up as ``rho_S`` nears 1.
    """
    worst = np.minimum(rho_tuned, rho**2)
    factor: Array = np.sqrt(np.maximum(rho**2 - worst**2, 0.0)) / (1 - worst)
    return factor * outside


def forgone_upper(rho: Scalars, outside: Scalars) -> Scalars:
    """5b: ``G(all) - G(S) <= (1 + rho) ||theta_glob,T||_D^2 / 2``."""
    return 0.5 * (1 + rho) * outside**2


def forgone_lower(rho: Scalars, outside: Scalars) -> Scalars:
    """5b: ``G(all) - G(S) >= (1 - rho) ||theta_glob,T||_D^2 / 2``."""
    return 0.5 * (1 - rho) * outside**2


def signed_compensation_upper(mu_min: Scalars, mu_max: Scalars, outside: Scalars) -> Scalars:
    """12b: 5a for every ``H > 0``: ``(sqrt(kappa) - 1 / sqrt(kappa)) / 2 ||theta_glob,T||_D``.

    ``kappa = (1 + mu_max) / (1 + mu_min)``.
    """
    return 0.5 * (mu_max - mu_min) / np.sqrt((1 + mu_max) * (1 + mu_min)) * outside


def signed_forgone_upper(mu_max: Scalars, outside: Scalars) -> Scalars:
    """12b: ``G(all) - G(S) <= (1 + mu_max) ||theta_glob,T||_D^2 / 2``."""
    return 0.5 * (1 + mu_max) * outside**2


def signed_forgone_lower(mu_min: Scalars, outside: Scalars) -> Scalars:
    """12b: ``G(all) - G(S) >= (1 + mu_min) ||theta_glob,T||_D^2 / 2``."""
    return 0.5 * (1 + mu_min) * outside**2


def gain_after(
    gain: Scalars, surprise: Float64[Array, "... k"], schur: Float64[Array, "... k k"]
) -> Array:
    """5c: ``G(S + j) = G(S) + w' Schur^{-1} w / 2``, with ``w = u_j - M_jS (I + M_SS)^{-1} u_S``.

    ``Schur = I + M_jj - M_jS (I + M_SS)^{-1} M_Sj`` is layer ``j``'s own curvature once ``S`` may
    answer.
    """
    direction = np.linalg.solve(schur, surprise[..., None])[..., 0]
    return np.asarray(gain + 0.5 * (surprise * direction).sum(axis=-1), dtype=np.float64)


@dataclass(frozen=True)
class Compensation:
    """How the tuned layers move when the others are frozen, and what freezing costs.

    Attributes
    ----------
    layers
        The tuned layers ``S``; ``T`` is the rest.
    displacement
        ``||theta*_S - theta_glob,S||_D``, square root of the unit of the loss.
    bound, sharp_bound
        5a and 5d, both infinite when ``rho_S >= 1``.
    signed_bound
        12b, for every ``H > 0``.
    forgone
        ``G(all) - G(S)``, unit of the loss.
    forgone_lower, forgone_upper
        5b.
    signed_forgone_lower, signed_forgone_upper
        12b, never wider.
    reasons
        Why a bound is infinite.

    Notes
    -----
    Provenance: 5a and 5b are reconstructions of Proposition 5.1, 5d and 12b extensions.
    """

    layers: tuple[int, ...]
    displacement: float
    bound: float
    sharp_bound: float
    signed_bound: float
    forgone: float
    forgone_lower: float
    forgone_upper: float
    signed_forgone_lower: float
    signed_forgone_upper: float
    reasons: tuple[str, ...]


def compensation(quadratic: BlockQuadratic, layers: Sequence[int]) -> Compensation:
    """Describe selective tuning of ``layers`` against tuning all.

    Raises
    ------
    InputError
        The set of layers is empty, repeats one or is out of range.

    Notes
    -----
    Provenance: reconstruction of Proposition 5.1 (5a, 5b); 5d and 12b are extensions.

    Examples
    --------
    >>> H = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> record = compensation(BlockQuadratic(np.array([0.5, 1.0]), H, (1, 1)), [0])
    >>> round(record.displacement, 12), round(record.bound, 12)    # theta_glob = (0, -1)
    (0.5, 0.5)
    >>> round(record.forgone, 12)                                  # 1/2 - 1/8
    0.375
    """
    chosen = quadratic.select(layers)
    at = quadratic.coordinates(chosen)
    joint, alone = quadratic.minimiser(), quadratic.minimiser(chosen)
    inside = np.zeros_like(joint)
    inside[at] = joint[at]
    rho, (mu_min, mu_max) = quadratic.coupling, quadratic.coupling_range
    positive = mu_min > -1 + quadratic.noise
    rho_tuned = quadratic.restrict(chosen).coupling
    outside = quadratic.norm(joint - inside)
    reasons: list[str] = list(quadratic.reasons)
    if rho_tuned >= 1:
        reasons.append(
            f"coupling {rho_tuned:.4g} within the tuned layers is not below 1: no 5a, 5d"
        )
    if rho >= 1:
        reasons.append(f"coupling {rho:.4g} is not below 1: 5b's lower side is empty")
    if not positive:
        reasons.append("mu_min is -1 to working precision: no 12b")
    return Compensation(
        layers=chosen,
        displacement=quadratic.norm(alone - inside),
        bound=float(compensation_upper(rho, rho_tuned, outside)) if rho_tuned < 1 else np.inf,
        sharp_bound=float(sharp_compensation_upper(rho, rho_tuned, outside))
        if rho_tuned < 1
        else np.inf,
        signed_bound=float(signed_compensation_upper(mu_min, mu_max, outside))
        if positive
        else np.inf,
        forgone=quadratic.gain() - quadratic.gain(chosen),
        forgone_lower=max(0.0, float(forgone_lower(rho, outside))),
        forgone_upper=float(forgone_upper(rho, outside)),
        signed_forgone_lower=max(0.0, float(signed_forgone_lower(mu_min, outside))),
        signed_forgone_upper=float(signed_forgone_upper(mu_max, outside)),
        reasons=tuple(reasons),
    )


def marginal_gain(quadratic: BlockQuadratic, layers: Sequence[int], layer: int) -> float:
    """``G(S + j) - G(S)`` without cancellation (5c); ``layers`` may be empty.

    What of layer ``j`` the others repeat, up to rounding, gains nothing.

    Raises
    ------
    InputError
        ``layer`` is in ``layers`` already, or one of them is out of range, named twice or no whole
        number.

    Examples
    --------
    >>> q = BlockQuadratic(np.array([0.5, 1.0]), np.array([[1.0, 0.5], [0.5, 1.0]]), (1, 1))
    >>> round(marginal_gain(q, [0], 1), 12)
    0.375
    """
    (new,) = quadratic.select([layer])
    chosen = quadratic.select(layers) if len(layers) else ()
    if new in chosen:
        raise InputError(f"layer {new} is in {chosen} already")
    j = quadratic.coordinates([new])
    u, M = quadratic.whitened_gradient, quadratic.whitened_coupling
    schur, surprise = np.eye(len(j)), u[j]
    S: list[int] = []
    if chosen:
        S = quadratic.coordinates(chosen)
        answer = quadratic.solve_between(chosen, np.column_stack([M[np.ix_(S, j)], u[S]]))
        schur = schur - M[np.ix_(j, S)] @ answer[:, :-1]
        surprise = surprise - M[np.ix_(j, S)] @ answer[:, -1]
    # The trace bounds the largest eigenvalue of I + M on S + j: below its rounding lies a direction
    # that S has already, which would otherwise be divided by nothing but noise.
    values, vectors = np.linalg.eigh(schur)
    kept = values > quadratic.noise * (len(S) + len(j))
    if not kept.any():
        return 0.0
    return float(gain_after(0.0, vectors[:, kept].T @ surprise, np.diag(values[kept])))

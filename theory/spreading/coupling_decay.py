"""Layers far apart (section 6): what distance does to the coupling and to the gain."""

from collections.abc import Callable, Sequence

import numpy as np

from theory.arrays import Array, Float64
from theory.errors import InputError
from theory.quadratic.block_quadratic import BlockQuadratic

Scalars = Array | float


def decay_upper(kappa: Float64[Array, "... layers"], gap: int) -> Array:
    """6a: ``rho_S <= 2 sum_{m >= 1} kappa(m gap)``; ``kappa[..., t]`` belongs to distance ``t``."""
    return np.asarray(2 * kappa[..., gap::gap].sum(axis=-1), dtype=np.float64)


def exponential_upper(scale: Scalars, rate: Scalars, gap: int) -> Scalars:
    """6a for ``kappa(t) = scale e^{-rate t}``: ``rho_S <= 2 scale / (e^{rate gap} - 1)``."""
    return 2 * scale / np.expm1(rate * gap)


def coupling_bound(kappa: Callable[[int], float], gap: int, layers: int) -> float:
    """Bound the coupling within a set of layers at least ``gap`` apart.

    Parameters
    ----------
    kappa
        ``||M_ij|| <= kappa(|i - j|)``, non-increasing.
    gap
        Smallest distance ``q`` between two tuned layers.
    layers
        Number of layers of the model; the sum ends at its depth.

    Raises
    ------
    InputError
        ``gap`` or ``layers`` below 1, or ``kappa`` negative or increasing.

    Notes
    -----
    Provenance: reconstruction of Theorem 5.2.

    Examples
    --------
    >>> coupling_bound(lambda t: 0.1 if t < 3 else 0.0, gap=1, layers=24)   # two on each side
    0.4
    """
    if gap < 1 or layers < 1:
        raise InputError(f"gap and layers must be at least 1, not {gap} and {layers}")
    values = np.array([kappa(t) for t in range(1, layers)], dtype=np.float64)
    if not (np.isfinite(values).all() and (values >= 0).all() and (np.diff(values) <= 0).all()):
        raise InputError(
            "kappa must be finite, not negative and non-increasing over distances 1 to "
            f"{layers - 1}; use its running maximum from the far end"
        )
    return float(decay_upper(np.concatenate([[0.0], values]), gap))


def isotropic_gain(coupling: Float64[Array, "... n n"]) -> Array:
    """``E[G] = tr((I + M)^{-1}) / 2`` over gradients with ``E[u u'] = I``."""
    inverse = np.linalg.inv(np.eye(coupling.shape[-1]) + coupling)
    return np.asarray(0.5 * np.trace(inverse, axis1=-2, axis2=-1), dtype=np.float64)


def isotropic_gain_lower(dimension: Scalars) -> Scalars:
    """6b: ``E[G] >= p / 2`` with ``p`` coordinates: on average over ``u``, coupling helps."""
    return 0.5 * dimension


def overlap(solution: Float64[Array, "... n"], coupling: Float64[Array, "... n n"]) -> Array:
    """``v'M(I + M)v / 2`` at the joint solution ``v = (I + M)^{-1} u``."""
    seen = (coupling @ solution[..., None])[..., 0]
    return np.asarray(0.5 * (seen * (solution + seen)).sum(axis=-1), dtype=np.float64)


def interacting_gain(
    energy: Scalars, solution: Float64[Array, "... n"], coupling: Float64[Array, "... n n"]
) -> Array:
    """6b: ``G = sum_l Res_l^2 / 2 - v'M(I + M)v / 2``."""
    return np.asarray(0.5 * energy - overlap(solution, coupling), dtype=np.float64)


def interaction_cost(quadratic: BlockQuadratic, layers: Sequence[int] | None = None) -> float:
    """``sum_S Res_l^2 / 2 - G(S)``: what interaction costs these layers, or brings if negative.

    Positive where layers are redundant (together they gain less than the sum), negative where they
    are synergistic. ``u'Mu < 0`` is enough for synergy; ``u'Mu > 0`` is not enough for redundancy.

    Notes
    -----
    Provenance: extension. It decides exactly what the sign of ``u'Mu`` decides to first order.

    Examples
    --------
    >>> q = BlockQuadratic(np.ones(2), np.array([[1.0, 0.5], [0.5, 1.0]]), (1, 1))
    >>> round(interaction_cost(q), 12)              # 1 - 2 / 3
    0.333333333333
    """
    part = quadratic.restrict(quadratic.select(layers))
    v = part.solve_between(part.select(None), part.whitened_gradient)
    return float(overlap(v, part.whitened_coupling))

"""Layers far apart (section 6): what distance does to the coupling and to the gain."""

from collections.abc import Callable, Sequence

import numpy as np

from theory.arrays import Array, Float64
from theory.errors import InputError
from theory.quadratic.block_quadratic import SYMMETRY_TOLERANCE, BlockQuadratic
from theory.quadratic.positive_factor import EPS
from theory.whole_numbers import whole_number

Scalars = Array | float


def decay_upper(kappa: Float64[Array, "... layers"], gap: int) -> Array:
    """6a: ``rho_S <= 2 sum_{m >= 1} kappa(m gap)``; ``kappa[..., t]`` belongs to distance ``t``."""
    return np.asarray(2 * kappa[..., gap::gap].sum(axis=-1), dtype=np.float64)


def exponential_upper(scale: Scalars, rate: Scalars, gap: int) -> Scalars:
    """6a for ``kappa(t) = scale e^{-rate t}``: ``rho_S <= 2 scale / (e^{rate gap} - 1)``."""
    return 2 * scale / np.expm1(rate * gap)


def two_sided_decay_upper(kappa: Float64[Array, "... layers"], gap: int) -> Array:
    """12e: the same with as many neighbours as fit into the model, half on either side.

    ``N = (layers - 1) // gap`` distances fit; a layer in the middle has ``ceil(N / 2)`` of them on
    one side and ``floor(N / 2)`` on the other, and no layer has more.
    """
    terms = kappa[..., gap::gap]
    fewer = terms.shape[-1] // 2
    more = terms.shape[-1] - fewer
    both = terms[..., :more].sum(axis=-1) + terms[..., :fewer].sum(axis=-1)
    return np.asarray(both, dtype=np.float64)


def coupling_bound(kappa: Callable[[int], float], gap: int, layers: int) -> float:
    """Bound the coupling within a set of layers at least ``gap`` apart.

    Parameters
    ----------
    kappa
        ``||M_ij|| <= kappa(|i - j|)``, non-increasing.
    gap
        Smallest distance ``q`` between two tuned layers.
    layers
        Number of layers of the model.

    Raises
    ------
    InputError
        ``gap`` or ``layers`` no whole number of at least 1, or ``kappa`` negative or increasing.

    Notes
    -----
    Provenance: extension (12e); :func:`decay_upper`, the reconstruction of Theorem 5.2, counts
    every distance on both sides and is up to twice as large.

    Examples
    --------
    >>> coupling_bound(lambda t: 0.1 if t < 3 else 0.0, gap=1, layers=24)   # two on each side
    0.4
    >>> coupling_bound(lambda t: 0.1, gap=5, layers=6)                      # the two ends
    0.1
    """
    whole_number(gap, "gap", 1)
    whole_number(layers, "layers", 1)
    values = np.array([kappa(t) for t in range(1, layers)], dtype=np.float64)
    if not (np.isfinite(values).all() and (values >= 0).all() and (np.diff(values) <= 0).all()):
        raise InputError(
            "kappa must be finite, not negative and non-increasing over distances 1 to "
            f"{layers - 1}; use its running maximum from the far end"
        )
    return float(two_sided_decay_upper(np.concatenate([[0.0], values]), gap))


def isotropic_gain(coupling: Float64[Array, "... n n"]) -> Array:
    """``E[G] = tr((I + M)^{-1}) / 2`` over gradients with ``E[u u'] = I``.

    Parameters
    ----------
    coupling
        ``M``, shape (..., n, n), symmetric, with ``I + M > 0``.

    Raises
    ------
    InputError
        No stack of square matrices, not finite, not symmetric, or ``I + M`` singular or
        indefinite: some gradients then have no finite gain, and neither has the average. (The
        pseudo-inverse would count a part of them, and fall below the average without coupling:
        0.25 for two layers that are one, not 1.)

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> round(float(isotropic_gain(np.array([[0.0, 0.5], [0.5, 0.0]]))), 12)   # (1/1.5 + 1/0.5) / 2
    1.333333333333
    """
    M = np.asarray(coupling, dtype=np.float64)
    if M.ndim < 2 or M.shape[-1] != M.shape[-2] or M.size == 0:
        raise InputError(f"coupling must be square and not empty, got shape {M.shape}")
    if not np.isfinite(M).all():
        raise InputError("coupling holds NaN or inf: every entry must be finite")
    if not np.allclose(M, M.swapaxes(-1, -2), rtol=0, atol=SYMMETRY_TOLERANCE * np.abs(M).max()):
        raise InputError("coupling is not symmetric: pass (M + M.T) / 2 if that is what you mean")
    values = 1 + np.linalg.eigvalsh(M)
    if float(values.min()) <= EPS * M.shape[-1] * max(1.0, float(values.max())):
        raise InputError(
            f"1 + mu_min = {values.min():.6g} is not above 0: the gain averaged over every "
            "gradient is not finite (a ridge makes it so)"
        )
    return np.asarray(0.5 * (1 / values).sum(axis=-1), dtype=np.float64)


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

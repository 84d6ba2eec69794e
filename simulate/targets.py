"""What there is to gain: the whitened target of a world, by name or by its alignment."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator
from scipy.optimize import brentq
from scipy.special import softmax

from theory import InputError
from theory.arrays import Array, Float64

TARGETS: Mapping[str, str] = {
    "uniform": "every layer the same target in its first shared direction, the same sign",
    "isotropic": "Gaussian, no preferred direction",
    "early": "isotropic, falling with depth as exp(-4 l / L)",
    "late": "isotropic, rising with depth as exp(4 l / L)",
    "strongest": "the eigenvector of the coupling's largest eigenvalue (worst redundancy)",
    "weakest": "the eigenvector of the coupling's smallest eigenvalue (best synergy)",
    "aligned": "isotropic, tilted to a given alignment tau",
}


def whitened_target(
    name: str,
    coupling: Float64[Array, "p p"],
    frames: tuple[Array, ...],
    *,
    outputs: int,
    rng: Generator,
    alignment: float | None = None,
) -> Float64[Array, "m p"]:
    """Whitened target U, one row for each output, scaled to a mean squared residual norm of 1.

    Parameters
    ----------
    name
        A key of ``TARGETS``.
    coupling
        The whitened coupling M.
    frames
        For each layer its (q, d_l) orthonormal frame of directions shared with other layers.
    outputs
        Number of outputs m.
    rng
        Source of the random targets.
    alignment
        For ``aligned``: tau = tr(U M U') / tr(U U'), strictly inside M's eigenvalue range.

    Raises
    ------
    InputError
        For an unknown name, or an alignment that is missing, superfluous or out of range.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> M = np.array([[0.0, 0.5], [0.5, 0.0]])
    >>> rng = np.random.default_rng(0)
    >>> U = whitened_target("strongest", M, (np.eye(1), np.eye(1)), outputs=1, rng=rng)
    >>> bool(np.isclose(abs(U.sum()), 2.0)), bool(np.isclose((U**2).sum(), 2.0))
    (True, True)
    """
    if name not in TARGETS:
        raise InputError(f"target {name!r} is unknown: choose one of {', '.join(TARGETS)}")
    if (alignment is not None) != (name == "aligned"):
        raise InputError(
            f"alignment is {alignment} with target {name!r}: give it with target 'aligned' only"
        )
    u = _BUILDERS[name](coupling, frames, rng.standard_normal((outputs, len(coupling))))
    if alignment is not None:
        u = tilted(u, coupling, alignment)
    scale = float(np.sqrt(len(frames) / np.sum(u * u)))
    return scale * u


def tilted(
    u: Float64[Array, "m p"], coupling: Float64[Array, "p p"], alignment: float
) -> Float64[Array, "m p"]:
    """The rows of ``u`` times exp(c M / 2), with the one c that gives the alignment tau.

    tau(c) is a mean of M's eigenvalues with weights exp(c mu) |u'v|^2, so it rises strictly from
    the smallest eigenvalue to the largest.

    Parameters
    ----------
    u : (m, p) array
        Whitened targets, one row for each output.
    coupling : (p, p) array
        ``M``, symmetric with zero diagonal blocks.
    alignment : float
        ``tau = tr(u M u') / tr(u u')`` that the result has.

    Returns
    -------
    (m, p) array
        In the unit of ``u``, before any scaling to a norm.

    Raises
    ------
    InputError
        If ``alignment`` does not lie strictly between the extreme eigenvalues of ``coupling``.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> M = np.array([[0.0, 0.5], [0.5, 0.0]])
    >>> u = tilted(np.array([[1.0, 3.0]]), M, -0.25)
    >>> bool(np.isclose(np.sum(u @ M * u) / np.sum(u * u), -0.25))
    True
    """
    mu, V = np.linalg.eigh(coupling)
    if not mu[0] < alignment < mu[-1]:
        raise InputError(
            f"alignment is {alignment}: it must lie between the extreme eigenvalues of the "
            f"coupling, {mu[0]:.6g} and {mu[-1]:.6g}"
        )
    z = u @ V
    log_weight = np.log((z**2).sum(axis=0))

    def excess(c: float) -> float:
        return float(softmax(log_weight + c * mu) @ mu) - alignment

    # Doubling stays finite: the weights underflow to the extreme eigenvalue long before 1e12.
    low, high = -1.0, 1.0
    while excess(low) > 0.0 and low > -1e12:
        low *= 2.0
    while excess(high) < 0.0 and high < 1e12:
        high *= 2.0
    c = float(brentq(excess, low, high, xtol=1e-13, rtol=1e-13))
    tilt = np.exp(c * (mu - (mu[-1] if c > 0.0 else mu[0])) / 2.0)
    return (z * tilt) @ V.T


def _uniform(coupling: Array, frames: tuple[Array, ...], noise: Array) -> Array:
    return np.tile(np.concatenate([frame[0] for frame in frames]), (len(noise), 1))


def _isotropic(coupling: Array, frames: tuple[Array, ...], noise: Array) -> Array:
    return noise


def _graded(slope: float) -> Callable[[Array, tuple[Array, ...], Array], Array]:
    def build(coupling: Array, frames: tuple[Array, ...], noise: Array) -> Array:
        depth = np.repeat(np.arange(len(frames)), [frame.shape[1] for frame in frames])
        return noise * np.exp(slope * depth / len(frames))

    return build


def _extreme(index: int) -> Callable[[Array, tuple[Array, ...], Array], Array]:
    def build(coupling: Array, frames: tuple[Array, ...], noise: Array) -> Array:
        return np.tile(np.linalg.eigh(coupling)[1][:, index], (len(noise), 1))

    return build


_BUILDERS: Mapping[str, Callable[[Array, tuple[Array, ...], Array], Array]] = {
    "uniform": _uniform,
    "isotropic": _isotropic,
    "early": _graded(-4.0),
    "late": _graded(4.0),
    "strongest": _extreme(-1),
    "weakest": _extreme(0),
    "aligned": _isotropic,
}

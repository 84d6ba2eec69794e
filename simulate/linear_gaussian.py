"""Linear-Gaussian worlds: spectra, coupling, target and noise chosen; everything in closed form."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.random import Generator
from scipy.linalg import cho_solve

from simulate.coupling_patterns import coupling_pattern
from simulate.measured import read_measured
from simulate.moments import Moments
from simulate.sample import Sample
from simulate.spectra import spectrum
from simulate.targets import whitened_target
from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64


@dataclass(frozen=True)
class LinearGaussianWorld:
    """Gaussian features h ~ N(0, Sigma) and residual r = A* h + s e, with A* = C Sigma^{-1}.

    Parameters
    ----------
    moments
        Population second and cross moments, and the layers' sizes.
    noise
        Standard deviation s of the part of each output that no adapter can explain.

    Raises
    ------
    InputError
        If ``noise`` is negative or not finite, or Sigma is not positive definite.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> world = LinearGaussianWorld(Moments(np.eye(2), np.array([[3.0, 4.0]]), (1, 1)), noise=0.5)
    >>> world.quadratic.gain()
    12.5
    """

    moments: Moments
    noise: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.noise < np.inf:
            raise InputError(f"noise is {self.noise}: give a finite standard deviation, 0 or more")
        try:
            self.factor  # noqa: B018  # validates once
        except np.linalg.LinAlgError:
            raise InputError(
                "the features' second moment is not positive definite: lower the coupling strength"
            ) from None

    @cached_property
    def factor(self) -> Float64[Array, "p p"]:
        """Lower Cholesky factor of Sigma."""
        return np.asarray(np.linalg.cholesky(self.moments.second_moment), dtype=np.float64)

    @cached_property
    def optimum(self) -> Float64[Array, "m p"]:
        """A* = C Sigma^{-1}, the adapter of every layer together."""
        optimum = cho_solve((self.factor, True), self.moments.cross_moment.T).T
        return np.ascontiguousarray(optimum, dtype=np.float64)

    @property
    def quadratic(self) -> BlockQuadratic:
        """Population quadratic, in closed form."""
        return self.moments.quadratic

    def sample(
        self, n: int, rng: Generator, *, sequence: int = 1, dependence: float = 0.0
    ) -> Sample:
        """Draw ``n`` tokens, in sequences whose tokens resemble each other.

        Parameters
        ----------
        n
            Number of tokens, a multiple of ``sequence``.
        rng
            Source of the tokens.
        sequence
            Tokens of a sequence; sequences are independent.
        dependence
            Correlation, in [0, 1), of features and of noise between two tokens of a sequence.

        Raises
        ------
        InputError
            If ``n`` is not a positive multiple of ``sequence``, or ``dependence`` out of range.
        """
        if sequence < 1 or n < 1 or n % sequence:
            raise InputError(
                f"n is {n}: draw at least one token, and whole sequences of {sequence}"
            )
        if not 0.0 <= dependence < 1.0:
            raise InputError(f"dependence is {dependence}: give a correlation from 0 to below 1")
        p, m = len(self.factor), self.moments.outputs
        z = rng.standard_normal((n, p + m))
        if dependence > 0.0:
            common = np.repeat(rng.standard_normal((n // sequence, p + m)), sequence, axis=0)
            z = np.sqrt(dependence) * common + np.sqrt(1.0 - dependence) * z
        h = z[:, :p] @ self.factor.T
        return Sample(h, h @ self.optimum.T + self.noise * z[:, p:], self.moments.sizes)


def linear_gaussian_world(
    rng: Generator,
    *,
    layers: int = 12,
    dimension: int = 4,
    outputs: int = 1,
    spectrum_name: str = "power",
    condition: float = 100.0,
    coupling: str = "exponential",
    strength: float | None = 0.5,
    reach: float = 3.0,
    sign: int = 1,
    shared: int | None = None,
    measured: str | Path | None = None,
    target: str = "isotropic",
    alignment: float | None = None,
    noise: float = 1.0,
) -> LinearGaussianWorld:
    """Draw a world whose coupling pattern, strength and spectra are the ones asked for.

    With M_ij = strength K_ij Q_i'Q_j, where K is the layer pattern of norm 1 and Q_i a random
    (q, d) frame of the directions that layer i shares, the coupling rho is exactly ``strength``.
    Then Sigma = D^{1/2} (I + M) D^{1/2} and C = U D^{1/2} for a whitened target U.

    Parameters
    ----------
    rng
        Source of the layers' eigenvectors, frames and random targets.
    layers, dimension, outputs
        Depth L, features of a layer d, outputs m.
    spectrum_name, condition
        See :func:`simulate.spectra.spectrum`.
    coupling, reach, sign
        See :func:`simulate.coupling_patterns.coupling_pattern`; or ``measured``.
    strength
        rho = ||M||_2. None, with ``measured`` only, keeps the strength that was measured.
    shared
        Number q of directions that two layers share; all d when None.
    measured
        For coupling ``measured``: the file of a saved quadratic or card, which then also fixes
        the layers (and, unless it holds one number for each pair of layers, their sizes).
    target, alignment
        See :func:`simulate.targets.whitened_target`.
    noise
        Standard deviation of the unexplained part of each output.

    Raises
    ------
    InputError
        For an unknown name, a size below 1, or a strength at which Sigma is not positive
        definite; the message then quotes the largest strength that is.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> world = linear_gaussian_world(np.random.default_rng(0), layers=8, strength=0.7)
    >>> round(world.quadratic.coupling, 10)
    0.7
    """
    if (measured is not None) != (coupling == "measured"):
        raise InputError(
            f"measured is {measured} with coupling {coupling!r}: give a file with 'measured' only"
        )
    if outputs < 1:
        raise InputError(f"outputs is {outputs}: a world needs at least one output")
    if measured is not None:
        source = read_measured(measured)
        sizes = source.sizes if max(source.sizes) > 1 else (dimension,) * len(source.sizes)
    else:
        source = None
        sizes = (dimension,) * layers
    if shared is not None and not 1 <= shared <= min(sizes):
        raise InputError(f"shared is {shared}: give between 1 and {min(sizes)} directions")

    rotations = [_rotation(size, rng) for size in sizes]
    eigenvalues = [spectrum(spectrum_name, size, condition=condition) for size in sizes]
    frames = tuple(_rotation(size, rng)[: shared or size] for size in sizes)
    if source is None:
        M = _lift(coupling_pattern(coupling, layers, reach=reach, sign=sign), frames)
    elif sizes == source.sizes:
        M = sign * source.coupling
    else:
        M = _lift(sign * source.coupling, frames)
    M = _scaled(M, strength, measured=source is not None)

    root = np.zeros_like(M)
    end = 0
    for V, values in zip(rotations, eigenvalues, strict=True):
        block = slice(end, end := end + len(values))
        root[block, block] = (V * np.sqrt(values)) @ V.T
    U = whitened_target(target, M, frames, outputs=outputs, rng=rng, alignment=alignment)
    second_moment = root @ (np.eye(len(M)) + M) @ root
    moments = Moments((second_moment + second_moment.T) / 2.0, U @ root, sizes)
    return LinearGaussianWorld(moments, noise)


def _rotation(size: int, rng: Generator) -> Array:
    """Orthogonal matrix from a Gaussian one; the signs that QR fixes do not matter here."""
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def _lift(pattern: Array, frames: tuple[Array, ...]) -> Array:
    """Blocks K_ij Q_i'Q_j."""
    return np.block(
        [
            [pattern[i, j] * frames[i].T @ frames[j] for j in range(len(frames))]
            for i in range(len(frames))
        ]
    )


def _scaled(M: Array, strength: float | None, *, measured: bool) -> Array:
    if strength is None and not measured:
        raise InputError("strength is None: only a measured coupling brings its own strength")
    if strength is not None and not 0.0 <= strength < np.inf:
        raise InputError(f"strength is {strength}: give a finite coupling strength, 0 or more")
    mu = np.linalg.eigvalsh(M)
    norm = max(-mu[0], mu[-1])
    factor = 1.0 if strength is None or norm == 0.0 else strength / norm
    if factor * mu[0] <= -1.0:
        raise InputError(
            f"strength is {factor * norm:.6g}: the curvature is positive definite only below "
            f"{norm / -mu[0]:.6g} for this coupling"
        )
    return factor * M

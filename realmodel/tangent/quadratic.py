"""The tangent gain as a :class:`theory.BlockQuadratic`, so that every bound and search applies.

A ridge in place of the flow: half of ``g'(F + P^{-1}/(2 tau))^{-1} g`` has the same first-order
rate ``tau g'P g`` when the budget ``tau`` is small and the same limit when it is large. In the
scaled coordinates ``P^{-1/2} theta`` the ridge is a multiple of the identity, so a small budget
also makes the coupling small: the bounds of sections 1, 6 and 8 speak about what the budget can
reach, where those of the unbudgeted model are void.

Each layer keeps the leading eigenvectors of its own curvature and the rest of its gradient as one
more direction, whose curvature and couplings are kept exactly. All of it follows from the kernels:
with ``S_l S_l' = U w U'`` the basis ``S_l'U w^{-1/2}`` is mapped by ``S_l`` to ``U w^{1/2}`` and by
the sequences' gradients ``D_l`` to ``D_l S_l' U w^{-1/2}``.
"""

from dataclasses import dataclass

import numpy as np

from realmodel.replicates import Replicates
from realmodel.tangent.gain import LayerKernel, TangentGain
from theory import BlockQuadratic
from theory.arrays import Array, Float64, IntArray

LEADING = 15
"""Eigenvectors per layer."""

GROUPS = 16
"""Groups of sequences that the jackknife leaves out one at a time."""


def tangent_quadratic(gain: TangentGain, *, leading: int = LEADING) -> BlockQuadratic:
    """One block per layer, ascending; nats per completion token.

    Parameters
    ----------
    gain : TangentGain
        Kernels and the time ``tau``.
    leading : int
        Eigenvectors kept per layer; the number of sequences keeps them all.

    Notes
    -----
    Provenance: extension. Gradient and curvature come from the same sequences, so the gain is
    overstated by about the gradient's sampling noise; it is meant to order placements.
    """
    return _Coordinates.of(gain, leading).quadratic(np.arange(len(gain.tokens)))


def tangent_replicates(gain: TangentGain, *, leading: int = LEADING) -> Replicates | None:
    """The same, in the same coordinates, with one group of sequences left out at a time.

    Coordinates and Adam's scaling stay those of all sequences, as the directions of the
    Gauss-Newton model do. ``None`` with fewer than three sequences.
    """
    count = len(gain.tokens)
    groups = min(GROUPS, count)
    if groups < 3:
        return None
    coordinates = _Coordinates.of(gain, leading)
    left = [
        coordinates.quadratic(np.flatnonzero(np.arange(count) % groups != group))
        for group in range(groups)
    ]
    return Replicates(
        np.stack([quadratic.gradient for quadratic in left]),
        np.stack([quadratic.curvature for quadratic in left]),
        coordinates.sizes,
    )


@dataclass(frozen=True)
class _Coordinates:
    """Rows are sequences: ``images' images`` is the curvature, ``slopes`` sum to the gradient."""

    images: Float64[Array, "n p"]
    slopes: Float64[Array, "n p"]
    sizes: tuple[int, ...]
    tokens: Float64[Array, " n"]
    ridge: float

    @classmethod
    def of(cls, gain: TangentGain, leading: int) -> "_Coordinates":
        parts = [_layer(gain.kernels[layer], leading) for layer in sorted(gain.kernels)]
        return cls(
            np.hstack([images for images, _ in parts]),
            np.hstack([slopes for _, slopes in parts]),
            tuple(images.shape[1] for images, _ in parts),
            gain.tokens,
            1 / (2 * gain.time),
        )

    def quadratic(self, kept: IntArray) -> BlockQuadratic:
        tokens, share = self.tokens[kept].sum(), self.tokens.sum() / self.tokens[kept].sum()
        J = self.images[kept]
        curvature = share * (J.T @ J) + self.ridge * np.eye(J.shape[1])
        return BlockQuadratic(self.slopes[kept].sum(axis=0) / tokens, curvature, self.sizes)


def _layer(own: LayerKernel, leading: int) -> tuple[Array, Array]:
    w, U = np.linalg.eigh(own.curvature)
    kept = np.flatnonzero(w > len(w) * np.finfo(float).eps * w[-1])[-leading:]
    root, U = np.sqrt(w[kept]), U[:, kept]
    seen = U.T @ own.projection / root
    images, slopes = U * root, own.contributions @ (U / root)
    rest = float(np.sqrt(max(own.square - float(seen @ seen), 0.0)))
    if rest > 1e-6 * np.sqrt(own.square):
        images = np.column_stack([images, (own.projection - images @ seen) / rest])
        slopes = np.column_stack([slopes, (own.slopes - slopes @ seen) / rest])
    return images, slopes

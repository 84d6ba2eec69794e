"""The tangent gain as a :class:`theory.BlockQuadratic`, so that every bound and search applies.

A ridge in place of the flow: half of ``g'(F + P^{-1}/(2 tau))^{-1} g`` has the same first-order
rate ``tau g'P g`` when the budget ``tau`` is small and the same limit when it is large. In the
scaled coordinates ``P^{-1/2} theta`` the ridge is a multiple ``r`` of the identity, so a small
budget also makes the coupling small: the bounds of sections 1, 6 and 8 speak about what the
budget can reach, where those of the unbudgeted model are void.

The optimum of a set of layers is ``theta_l = -(g_l - S_l'y) / r`` with one response
``y = (sum S_m S_m' + r)^{-1} sum S_m g_m`` for all its layers, in the space of the sequences. So a
layer needs the direction ``g_l`` and ``S_l'y`` for the responses that occur: a reduced basis, whose
``y`` are the principal directions of the responses of many sets. Curvature and couplings are exact
in it. All of it follows from the kernels.
"""

from dataclasses import dataclass

import numpy as np

from realmodel.measure.random_subset import random_groups
from realmodel.replicates import Replicates
from realmodel.tangent.gain import TangentGain
from realmodel.tangent.kernel import Kernel
from realmodel.tangent.responses import principal_responses
from theory import BlockQuadratic
from theory.arrays import Array, Float64, IntArray

RESPONSES = 15
"""Principal responses; with them the gain of four layers is within some 6% of all of them."""

GROUPS = 16
"""Groups of sequences that the jackknife leaves out one at a time."""


def tangent_quadratic(gain: TangentGain, *, responses: int = RESPONSES) -> BlockQuadratic:
    """One block per layer, ascending; nats per completion token.

    Parameters
    ----------
    gain : TangentGain
        Kernels and the time ``tau``.
    responses : int
        Principal responses kept; the number of sequences keeps them all.

    Notes
    -----
    Provenance: extension. Gradient and curvature come from the same sequences, so the gain is
    overstated by about the gradient's sampling noise; it is meant to order placements.
    """
    return _Coordinates.of(gain, responses).quadratic(np.arange(len(gain.tokens)))


def tangent_replicates(
    gain: TangentGain, *, responses: int = RESPONSES, seed: int = 0
) -> Replicates | None:
    """The same, in the same coordinates, with one random group of sequences left out at a time.

    Coordinates and Adam's scaling stay those of all sequences, as the directions of the
    Gauss-Newton model do. ``None`` with fewer than three sequences.
    """
    count = len(gain.tokens)
    groups = min(GROUPS, count)
    if groups < 3:
        return None
    coordinates = _Coordinates.of(gain, responses)
    label = np.array(random_groups(count, groups, seed))
    left = [coordinates.quadratic(np.flatnonzero(label != group)) for group in range(groups)]
    return Replicates(
        np.stack([quadratic.gradient for quadratic in left]),
        np.stack([quadratic.curvature for quadratic in left]),
        coordinates.sizes,
    )


@dataclass(frozen=True)
class _Coordinates:
    """``images' images`` is the curvature, a row for each draw of each sequence; ``slopes``, a row
    for each sequence, sum to the gradient.
    """

    images: Float64[Array, "s p"]
    slopes: Float64[Array, "n p"]
    sizes: tuple[int, ...]
    tokens: Float64[Array, " n"]
    ridge: float

    @classmethod
    def of(cls, gain: TangentGain, responses: int) -> "_Coordinates":
        ridge = 1 / (2 * gain.time)
        Y = principal_responses(gain, ridge, responses)
        parts = [_layer(gain.kernels[layer], Y) for layer in sorted(gain.kernels)]
        return cls(
            np.hstack([images for images, _ in parts]),
            np.hstack([slopes for _, slopes in parts]),
            tuple(images.shape[1] for images, _ in parts),
            gain.tokens,
            ridge,
        )

    def quadratic(self, kept: IntArray) -> BlockQuadratic:
        tokens, share = self.tokens[kept].sum(), self.tokens.sum() / self.tokens[kept].sum()
        n = len(self.tokens)
        J = self.images.reshape(-1, n, self.images.shape[1])[:, kept].reshape(-1, sum(self.sizes))
        curvature = share * (J.T @ J) + self.ridge * np.eye(J.shape[1])
        return BlockQuadratic(self.slopes[kept].sum(axis=0) / tokens, curvature, self.sizes)


def _layer(own: Kernel, Y: Float64[Array, "s k"]) -> tuple[Array, Array]:
    """Images and slopes of an orthonormal basis of the span of ``S_l'Y`` and ``g_l``."""
    cross = Y.T @ own.projection
    square = np.array([[own.square]])
    gram = np.block([[Y.T @ own.curvature @ Y, cross[:, None]], [cross[None], square]])
    # Unit diagonal first: a direction is dropped for its angle to the others, not for its length.
    length = np.sqrt(np.maximum(np.diag(gram), 0.0))
    if not length.any():  # A layer without a gradient is a block that gains nothing.
        return np.zeros((len(Y), 1)), np.zeros((len(own.slopes), 1))
    unit = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    w, U = np.linalg.eigh(gram * np.outer(unit, unit))
    kept = w > 1e-10 * w[-1]
    T = unit[:, None] * U[:, kept] / np.sqrt(w[kept])
    images = np.column_stack([own.curvature @ Y, own.projection]) @ T
    slopes = np.column_stack([own.contributions @ Y, own.slopes]) @ T
    return images, slopes

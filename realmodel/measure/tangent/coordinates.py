"""Blocks of the tangent model in a few orthonormal coordinates each, sequence by sequence."""

from dataclasses import dataclass

import numpy as np

from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.kernel import Kernel
from realmodel.measure.tangent.responses import principal_responses
from theory import BlockQuadratic
from theory.arrays import Array, Float64, IntArray


@dataclass(frozen=True)
class Coordinates:
    """``images' images`` is the curvature, a row for each draw of each sequence; ``slopes``, a row
    for each sequence, sum to the gradient.
    """

    images: Float64[Array, "s p"]
    slopes: Float64[Array, "n p"]
    sizes: tuple[int, ...]
    tokens: Float64[Array, " n"]
    ridge: float

    @classmethod
    def of(cls, gain: TangentGain, responses: int) -> "Coordinates":
        """Along the principal responses of the gain's own blocks."""
        return cls.along(gain, principal_responses(gain, 1 / (2 * gain.time), responses))

    @classmethod
    def along(cls, gain: TangentGain, Y: Float64[Array, "s k"]) -> "Coordinates":
        """Along given responses, and each block's own gradient."""
        parts = [_block(gain.kernels[block], Y) for block in sorted(gain.kernels)]
        return cls(
            np.hstack([images for images, _ in parts]),
            np.hstack([slopes for _, slopes in parts]),
            tuple(images.shape[1] for images, _ in parts),
            gain.tokens,
            1 / (2 * gain.time),
        )

    def rows(
        self, kept: IntArray, columns: IntArray | slice = slice(None)
    ) -> tuple[Float64[Array, "r c"], Float64[Array, " c"]]:
        """``J`` with ``J'J`` the curvature but for the ridge, and the gradient, of some sequences.

        ``columns`` are coordinates; all by default.
        """
        tokens = self.tokens[kept].sum()
        J = self.images[:, columns].reshape(-1, len(self.tokens), self.images[:, columns].shape[1])
        J = J[:, kept].reshape(-1, J.shape[2]) * np.sqrt(self.tokens.sum() / tokens)
        return J, self.slopes[kept][:, columns].sum(axis=0) / tokens

    def quadratic(self, kept: IntArray) -> BlockQuadratic:
        """All blocks, from the sequences that are kept."""
        J, g = self.rows(kept)
        return BlockQuadratic(g, J.T @ J + self.ridge * np.eye(len(g)), self.sizes)


def _block(own: Kernel, Y: Float64[Array, "s k"]) -> tuple[Array, Array]:
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

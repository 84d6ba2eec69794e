"""The whitened problem of the layers still open, once some are chosen (5c)."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64, Int64, IntArray
from theory.quadratic.block_quadratic import BlockQuadratic

ROUNDING = 64.0  # times the noise of the whitened curvature: what elimination may leave


@dataclass(frozen=True, eq=False)
class ConditionalSystem:
    """``A = (I+M)`` and ``w = u`` of the open layers, minus what the chosen ones explain.

    For chosen layers P, ``A`` is the Schur complement of ``I+M`` on the open layers and ``w_j =
    u_j - M_jP (I+M_PP)^{-1} u_P``, so that adding a set R of open layers gains
    ``1/2 w_R' A_RR^{-1} w_R``. Layers of different sizes are padded to the largest with identity
    blocks and zero gradient, which changes no gain and lets NumPy handle all at once.

    Parameters
    ----------
    labels : (n,) array of int
        The open layers, ascending.
    A : (n, b, n, b) array
        Conditional curvature.
    w : (n, b) array
        Conditional gradient.
    regular : bool
        Whether Cholesky factors are safe; else pseudo-inverses by eigenvalues.
    cut : float
        Eigenvalues below it count as zero there: the noise of :class:`BlockQuadratic`.
    """

    labels: Int64[IntArray, " n"]
    A: Float64[Array, "n b n b"]
    w: Float64[Array, "n b"]
    regular: bool
    cut: float

    @classmethod
    def of(cls, quadratic: BlockQuadratic, candidates: tuple[int, ...]) -> "ConditionalSystem":
        """Nothing chosen yet, ``candidates`` open."""
        n, b = len(candidates), max(quadratic.sizes[layer] for layer in candidates)
        at = quadratic.coordinates(candidates)
        to = [
            i * b + j for i, layer in enumerate(candidates) for j in range(quadratic.sizes[layer])
        ]
        A = np.zeros((n * b, n * b))
        w = np.zeros(n * b)
        A[np.ix_(to, to)] = quadratic.whitened_coupling[np.ix_(at, at)]
        w[to] = quadratic.whitened_gradient[at]
        np.fill_diagonal(A, 1.0)
        low, high = quadratic.coupling_range
        cut = ROUNDING * quadratic.noise * (1.0 + high)
        regular = 1.0 + low > cut and not quadratic.reasons
        return cls(
            np.array(candidates, dtype=np.int64),
            A.reshape(n, b, n, b),
            w.reshape(n, b),
            regular,
            cut,
        )

    def half_inverses(self, blocks: Float64[Array, "k b b"]) -> Float64[Array, "k b b"]:
        """``R`` with ``R'R`` the (pseudo-)inverse of each block."""
        if self.regular:
            with suppress(np.linalg.LinAlgError):
                return np.asarray(np.linalg.inv(np.linalg.cholesky(blocks)), dtype=np.float64)
        lam, V = np.linalg.eigh(blocks)
        kept = lam > self.cut
        root = np.where(kept, 1.0 / np.sqrt(np.where(kept, lam, 1.0)), 0.0)
        half: Array = root[..., None] * np.swapaxes(V, -1, -2)
        return half

    def quadratic_forms(
        self, blocks: Float64[Array, "k b b"], vectors: Float64[Array, "k b"]
    ) -> Float64[Array, " k"]:
        """``1/2 v'B^{-1}v`` for each block and vector."""
        if self.regular:
            solved = np.linalg.solve(blocks, vectors[..., None])[..., 0]
            forms: Array = 0.5 * np.sum(vectors * solved, axis=1)
            return forms
        return half_squares(self.half_inverses(blocks), vectors)

    @cached_property
    def diagonal(self) -> Float64[Array, "n b b"]:
        """Diagonal blocks of ``A``."""
        n = np.arange(len(self.w))
        return self.A[n, :, n, :]

    @cached_property
    def whiteners(self) -> Float64[Array, "n b b"]:
        """Half inverse of each diagonal block."""
        return self.half_inverses(self.diagonal)

    @cached_property
    def marginals(self) -> Float64[Array, " n"]:
        """Gain of adding each open layer."""
        return half_squares(self.whiteners, self.w)

    def joint_gain(self) -> float:
        """Gain of adding every open layer: no subset gains more."""
        size = self.w.size
        A, w = self.A.reshape(1, size, size), self.w.reshape(1, size)
        return float(self.quadratic_forms(A, w)[0])

    def choose(self, at: int) -> "ConditionalSystem":
        """Condition on the open layer at an index, and keep only those after it."""
        b, rest = self.w.shape[1], slice(at + 1, None)
        V = self.whiteners[at] @ self.A[at, :, rest].reshape(b, -1)
        A, w = self.A[rest, :, rest], self.w[rest]
        return ConditionalSystem(
            self.labels[rest],
            A - (V.T @ V).reshape(A.shape),
            w - (V.T @ (self.whiteners[at] @ self.w[at])).reshape(w.shape),
            self.regular,
            self.cut,
        )

    def set_gains(self, size: int) -> tuple[Int64[IntArray, "k size"], Float64[Array, " k"]]:
        """Every set of ``size`` open layers, in lexicographic order, and the gain of adding it.

        One block row of the Cholesky factors of all sets at a time: a set of t + 1 layers shares
        the rows of its first t.
        """
        n, b = self.w.shape
        sets = np.arange(n - size + 1)[:, None]
        if size == 1:
            return sets, self.marginals
        rows = self.A.reshape(n, b, n * b)
        first = self.whiteners[: len(sets)]
        factor = (first @ rows[: len(sets)]).reshape(-1, b, n, b)
        y = np.einsum("kbc,kc->kb", first, self.w[: len(sets)])
        gains = self.marginals[: len(sets)]
        for length in range(2, size + 1):
            open_layers = np.arange(n - size + length)
            at, new = np.nonzero(sets[:, -1:] < open_layers)
            across = np.swapaxes(factor[at, :, new], 1, 2)
            blocks = self.diagonal[new] - across @ np.swapaxes(across, 1, 2)
            vectors = self.w[new] - np.einsum("kbt,kt->kb", across, y[at])
            sets = np.hstack([sets[at], new[:, None]])
            if length == size:
                return sets, gains[at] + self.quadratic_forms(blocks, vectors)
            half = self.half_inverses(blocks)
            past = factor.reshape(len(factor), -1, n * b)[at]
            row = half @ (rows[new] - across @ past)
            factor = np.concatenate([past, row], axis=1).reshape(len(at), -1, n, b)
            own = np.einsum("kbc,kc->kb", half, vectors)
            gains = gains[at] + 0.5 * np.square(own).sum(axis=1)
            y = np.hstack([y[at], own])
        raise AssertionError("unreachable: the last length returns")


def half_squares(
    factors: Float64[Array, "k b b"], vectors: Float64[Array, "k b"]
) -> Float64[Array, " k"]:
    """``1/2 ||R v||^2`` for each factor and vector."""
    y = factors @ vectors[..., None]
    halves: Array = 0.5 * np.sum(y * y, axis=(1, 2))
    return halves

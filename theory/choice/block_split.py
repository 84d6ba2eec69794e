"""A block quadratic split as ``H = N + R`` (section 10), in coordinates in which ``N = I``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cholesky, eigvalsh, lapack, solve_triangular

from theory.arrays import Array, Float64, IntArray
from theory.choice.response import Response
from theory.errors import InputError
from theory.quadratic.block_quadratic import DENSE_UP_TO, BlockQuadratic
from theory.quadratic.conditional_system import ConditionalSystem
from theory.quadratic.largest_eigenvalue import largest_eigenvalue
from theory.quadratic.positive_factor import EPS, positive_factor

ACTIVE = 1e-9
"""Weights below it move nothing: any ``y`` proves a bound, so leaving them out is safe."""


@dataclass(frozen=True, eq=False)
class BlockSplit:
    """``R`` and ``g`` whitened by ``N``.

    Parameters
    ----------
    quadratic : BlockQuadratic
    gradient : (p,) array
        ``N^{-1/2} g``.
    coupling : (p, p) array
        ``N^{-1/2} R N^{-1/2}``, positive semi-definite, with the part of the blocks that exceeds
        ``N``.
    """

    quadratic: BlockQuadratic
    gradient: Float64[Array, " p"]
    coupling: Float64[Array, "p p"]
    reason: str = ""

    @classmethod
    def of(
        cls, quadratic: BlockQuadratic, floor: float | int | Array | None = None
    ) -> "BlockSplit | None":
        """Split off the floor, or by default ``(1 + mu_min) D``.

        Parameters
        ----------
        quadratic : BlockQuadratic
        floor : float or (p, p) array, optional
            ``N``: a multiple of the identity, such as a ridge, or a block-diagonal matrix.

        Returns
        -------
        BlockSplit or None
            ``None`` where the curvature is singular to working precision: then no ``N`` exists.

        Raises
        ------
        InputError
            A floor that is not positive definite, not block-diagonal, or not below the curvature.
        """
        p = len(quadratic.gradient)
        if floor is None:
            if quadratic.reasons:
                return None
            A = np.eye(p) + quadratic.whitened_coupling
            return cls._shrunk(
                quadratic, quadratic.whitened_gradient, A, 1.0 + quadratic.coupling_range[0]
            )
        N = np.asarray(floor, dtype=np.float64)
        if N.ndim == 0:
            N = N * np.eye(p)
        if N.shape != (p, p) or not np.isfinite(N).all():
            raise InputError(
                f"floor must be a finite number or a ({p}, {p}) matrix, not of shape {N.shape}"
            )
        outside = N.copy()
        for block in quadratic.slices:
            outside[block, block] = 0.0
        if outside.any() or not np.array_equal(N, N.T):
            raise InputError("floor must be symmetric, with blocks on its diagonal alone")
        factor, info = lapack.dpotrf(N, lower=1)
        if info != 0:
            raise InputError(f"floor must be positive definite; its least entry is {N.min():.6g}")
        half = solve_triangular(factor, quadratic.curvature, lower=True)
        A = solve_triangular(factor, half.T, lower=True)
        g = solve_triangular(factor, quadratic.gradient, lower=True)
        split = cls._shrunk(quadratic, g, (A + A.T) / 2, 1.0)
        if split is None:
            raise InputError(
                "floor is not below the curvature: curvature - floor must be positive "
                "semi-definite, so give the ridge that the curvature holds, or a smaller number"
            )
        return split

    @classmethod
    def flat(cls, quadratic: BlockQuadratic) -> "BlockSplit | None":
        """Split off the smallest eigenvalue times the identity: a ridge, where there is one."""
        if quadratic.reasons:
            return None
        return cls._shrunk(
            quadratic, quadratic.gradient, quadratic.curvature, _smallest(quadratic.curvature)
        )

    @classmethod
    def _shrunk(
        cls, quadratic: BlockQuadratic, g: Array, A: Array, floor: float
    ) -> "BlockSplit | None":
        """``floor I`` split off ``A``, made smaller until a Cholesky factor proves the rest >= 0.

        Rounding moves eigenvalues by a multiple of ``p eps ||A||``: with that much less of a floor
        the bound is true, and no looser than the numbers are.
        """
        size = float(np.abs(A).sum(axis=0).max())
        noise = 4 * len(A) * EPS * size
        diagonal = np.diag_indices(len(A))
        for excess in (noise, 1e-8 * floor + noise, 1e-6 * floor + noise):
            kept = floor - excess
            if kept <= noise:
                return None
            R = A.copy()
            R[diagonal] -= kept - noise
            if lapack.dpotrf(R, lower=1, overwrite_a=1)[1] == 0:
                R = A / kept
                R[diagonal] -= 1.0
                return cls(quadratic, g / np.sqrt(kept), R)
        return None

    @property
    def layers(self) -> int:
        """``L``."""
        return self.quadratic.layers

    @cached_property
    def _starts(self) -> IntArray:
        return np.array([block.start for block in self.quadratic.slices])

    def _squares(self, vector: Array) -> Array:
        """Squared norm of each layer's part."""
        return np.add.reduceat(np.square(vector), self._starts)

    def gain(self, layers: Sequence[int]) -> float:
        """``G(S)``."""
        return self.quadratic.gain(layers) if len(layers) else 0.0

    def respond(self, weights: Float64[Array, " L"]) -> Response:
        """Factorise ``I + Z^{1/2} R Z^{1/2}`` on the layers that have a weight."""
        root = np.sqrt(np.repeat(np.where(weights > ACTIVE, weights, 0.0), self.quadratic.sizes))
        at = np.flatnonzero(root)
        root = root[at]
        R = self.coupling[:, at]
        B = R[at] * root[:, None] * root
        B[np.diag_indices(len(at))] += 1.0
        factor = cholesky(B, lower=True, overwrite_a=True, check_finite=False)
        half = solve_triangular(factor, root * self.gradient[at], lower=True, check_finite=False)
        y = -root * solve_triangular(factor, half, lower=True, trans=1, check_finite=False)
        pull = R @ y
        return Response(
            weights,
            0.5 * float(half @ half),
            0.5 * max(float(y @ pull[at]), 0.0),
            0.5 * self._squares(self.gradient + pull),
        )

    @cached_property
    def _system(self) -> ConditionalSystem:
        return ConditionalSystem.of(self.quadratic, tuple(range(self.layers)))

    def additions(
        self, chosen: Sequence[int], layers: Sequence[int], costs: Float64[Array, " L"]
    ) -> tuple[int, float]:
        """All marginal gains at once, from one factor of the chosen layers (5c)."""
        return best_addition(self._system, chosen, layers, costs)


def splits(quadratic: BlockQuadratic) -> tuple[BlockSplit, ...]:
    """The default ways to split: by ``(1 + mu_min) D`` and by the smallest eigenvalue of ``H``.

    None where the curvature is singular.
    """
    found = (BlockSplit.of(quadratic), BlockSplit.flat(quadratic))
    return tuple(split for split in found if split is not None)


def best_addition(
    system: ConditionalSystem,
    chosen: Sequence[int],
    layers: Sequence[int],
    costs: Float64[Array, " L"],
) -> tuple[int, float]:
    """Which of ``layers`` adds most per unit of cost to the chosen ones, and the gain then (5c).

    ``system`` is that of all layers, with nothing chosen.
    """
    P, at = list(chosen), list(layers)
    blocks, w, gain = system.diagonal[at], system.w[at], 0.0
    if P:
        size = len(P) * system.w.shape[1]
        half = system.half_inverses(system.A[P][:, :, P].reshape(1, size, size))[0]
        across = half @ system.A[P][:, :, at].reshape(size, -1)
        own = half @ system.w[P].reshape(size)
        gain = 0.5 * float(own @ own)
        w = w - (across.T @ own).reshape(w.shape)
        split = across.reshape(size, *w.shape)
        blocks = blocks - np.einsum("anb,anc->nbc", split, split)
    marginals = system.quadratic_forms(blocks, w)
    best = first_best(marginals / np.where(costs[at] > 0, costs[at], EPS))
    return at[best], gain + float(marginals[best])


def first_best(values: Array) -> int:
    """Index of the first value within rounding of the largest."""
    return int(np.argmax(values >= values.max() * (1 - 1e-10)))


def _smallest(H: Array) -> float:
    """Smallest eigenvalue; by Lanczos on the inverse where LAPACK would take long."""
    if len(H) <= DENSE_UP_TO:
        return float(eigvalsh(H, subset_by_index=(0, 0), check_finite=False)[0])
    factor = positive_factor(H)
    start = np.random.default_rng(0).standard_normal(len(H))
    inverse, _ = largest_eigenvalue(factor.solve, start, factor.single_precision_solve())
    return 1 / inverse

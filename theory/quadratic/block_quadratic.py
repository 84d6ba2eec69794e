"""The local quadratic model of fine-tuning, whitened block by block."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import blas, eigvalsh, issymmetric

from theory.arrays import Array, Float64
from theory.errors import InputError
from theory.quadratic.block_slices import block_slices
from theory.quadratic.largest_eigenvalue import largest_eigenvalue
from theory.quadratic.positive_factor import EPS, PositiveFactor, positive_factor
from theory.read_arrays import read_arrays
from theory.whole_file import replacing
from theory.whole_numbers import whole_numbers

SYMMETRY_TOLERANCE = 1e-8
DENSE_UP_TO = 500


@dataclass(frozen=True, eq=False)
class BlockQuadratic:
    """``Q(theta) = g'theta + theta'H theta / 2`` over blocks of coordinates; a *layer* is a block.

    With ``H = D + E``, ``D`` the diagonal blocks ``D_l = C_l C_l'`` (Cholesky), the whitened
    gradient and coupling are ``u = C^{-1} g`` and ``M = C^{-1} E C^{-T}``, so that
    ``G(S) = u_S'(I + M_SS)^{-1} u_S / 2``. Arrays are copied, symmetrised and made read-only;
    everything derived is computed once, when first asked for.

    Parameters
    ----------
    gradient
        ``g``, shape (p,), loss per unit of ``theta`` (nats per completion token on a language
        model).
    curvature
        ``H``, shape (p, p), symmetric positive semi-definite.
    sizes
        Number of coordinates of each layer; they add up to ``p``.

    Raises
    ------
    InputError
        NaN or infinity, shapes or sizes that do not fit, a curvature that is not symmetric, or
        one that is indefinite (then ``mu_min <= -1`` and the gain is unbounded).

    Notes
    -----
    Provenance: the setting is the paper's (arXiv 2602.04019); the whitening by Cholesky factors
    is ours. Singular curvature gets the pseudo-inverse and a line in :attr:`reasons`.

    Examples
    --------
    >>> quadratic = BlockQuadratic(np.array([1.0, 2.0]), np.array([[1.0, 0.5], [0.5, 4.0]]), (1, 1))
    >>> round(quadratic.coupling, 12)           # 0.5 / sqrt(1 * 4)
    0.25
    >>> round(quadratic.gain(), 12)             # g' H^-1 g / 2 = (4 - 2 + 4) / 3.75 / 2
    0.8
    >>> round(quadratic.gain([1]), 12)          # 2**2 / 4 / 2
    0.5
    """

    gradient: Array
    curvature: Array
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        gradient = _finite(self.gradient, "gradient", 1)
        curvature = _finite(self.curvature, "curvature", 2)
        sizes = whole_numbers(self.sizes, "sizes")
        dimension = len(gradient)
        if curvature.shape != (dimension, dimension):
            raise InputError(
                f"curvature has shape {curvature.shape}, but a gradient of length {dimension} "
                f"needs ({dimension}, {dimension})"
            )
        if not sizes or min(sizes) < 1:
            raise InputError(f"sizes must be positive whole numbers, not {self.sizes!r}")
        if sum(sizes) != dimension:
            raise InputError(
                f"sizes {sizes} add up to {sum(sizes)}, but the gradient has length {dimension}"
            )
        if not issymmetric(curvature):
            asymmetry = float(np.abs(curvature - curvature.T).max())
            largest = float(np.abs(curvature).max())
            if asymmetry > SYMMETRY_TOLERANCE * largest:
                raise InputError(
                    f"curvature is not symmetric: it differs from its transpose by {asymmetry:.6g} "
                    f"(largest entry {largest:.6g}); pass (H + H.T) / 2 if that is what you mean"
                )
            curvature = (curvature + curvature.T) / 2
        for array in (gradient, curvature):
            array.flags.writeable = False
        object.__setattr__(self, "gradient", gradient)
        object.__setattr__(self, "curvature", curvature)
        object.__setattr__(self, "sizes", sizes)
        _ = self._joint_factor  # indefinite curvature fails here, not at the first question

    # ------------------------------------------------------------------ other ways in

    @classmethod
    def from_least_squares(
        cls,
        jacobian: Array,
        residual: Array,
        sizes: Sequence[int],
    ) -> "BlockQuadratic":
        """Build the model of ``||residual - jacobian theta||^2 / 2``, constant dropped.

        ``jacobian`` has shape (n, p), ``residual`` (n,). The gain of layers ``S`` is
        ``||P_S residual||^2 / 2``, the part of the residual in the span of their columns.

        Examples
        --------
        >>> J = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
        >>> q = BlockQuadratic.from_least_squares(J, np.array([3.0, 4.0, 5.0]), (1, 1))
        >>> bool(np.isclose(q.gain(), (9 + 16) / 2)), bool(np.isclose(q.gain([0]), 9 / 2))
        (True, True)
        """
        J = _finite(jacobian, "jacobian", 2)
        r = _finite(residual, "residual", 1)
        if len(r) != len(J):
            raise InputError(f"residual has length {len(r)}, but jacobian has {len(J)} rows")
        return cls(-J.T @ r, J.T @ J, tuple(sizes))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "BlockQuadratic":
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            The file is missing, is not such a file, or holds an invalid quadratic.
        """
        stored = read_arrays(path, ("gradient", "curvature", "sizes"), "BlockQuadratic")
        if stored["sizes"].ndim != 1:
            raise InputError(f"cannot read a BlockQuadratic from {str(path)!r}: sizes is no list")
        return cls(stored["gradient"], stored["curvature"], tuple(stored["sizes"].tolist()))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write ``.npz`` without pickle, through a temporary file and a rename."""
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                gradient=self.gradient,
                curvature=self.curvature,
                sizes=np.array(self.sizes, dtype=np.int64),
            )

    # ------------------------------------------------------------------ shape

    @property
    def layers(self) -> int:
        """Number of layers ``L``."""
        return len(self.sizes)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each layer's coordinates lie."""
        return block_slices(self.sizes)

    def select(self, layers: Sequence[int] | None) -> tuple[int, ...]:
        """Check a set of layers and sort it; ``None`` means all.

        Raises
        ------
        InputError
            Empty, repeated, out of range or not whole numbers (a mask of booleans is not a set).
        """
        if layers is None:
            return tuple(range(self.layers))
        chosen = tuple(sorted(whole_numbers(layers, "layers")))
        if not chosen:
            raise InputError("the set of layers is empty: name at least one")
        if len(set(chosen)) < len(chosen):
            raise InputError(f"layers {chosen} name a layer twice")
        if chosen[0] < 0 or chosen[-1] >= self.layers:
            raise InputError(f"layers {chosen} are out of range: there are {self.layers}, from 0")
        return chosen

    def coordinates(self, layers: Sequence[int] | None = None) -> list[int]:
        """Coordinates of the named layers, in ascending order of layer."""
        return [i for layer in self.select(layers) for i in range(*_bounds(self.slices[layer]))]

    # ------------------------------------------------------------------ whitening

    @cached_property
    def _block_factors(self) -> tuple[PositiveFactor, ...]:
        return tuple(
            positive_factor(self.curvature[block, block], f"the curvature of layer {layer}")
            for layer, block in enumerate(self.slices)
        )

    def _unwhiten(self, right: Array) -> Array:
        result = np.empty_like(right)
        for block, factor in zip(self.slices, self._block_factors, strict=True):
            result[block] = factor.unwhiten(right[block])
        return result

    @cached_property
    def whitened_gradient(self) -> Float64[Array, " p"]:
        """``u = C^{-1} g``; its square is twice a gain."""
        u = np.empty_like(self.gradient)
        for block, factor in zip(self.slices, self._block_factors, strict=True):
            u[block] = factor.whiten(self.gradient[block])
        u.flags.writeable = False
        return u

    @cached_property
    def whitened_coupling(self) -> Float64[Array, "p p"]:
        """``M = C^{-1} E C^{-T}``, symmetric, with zero diagonal blocks; no unit."""
        # Below the diagonal blocks only; then mirrored.
        M = np.zeros_like(self.curvature)
        for block, factor in zip(self.slices, self._block_factors, strict=True):
            before = slice(0, block.start)
            np.matmul(factor.inverse_root, self.curvature[block, before], out=M[block, before])
        for block, factor in zip(self.slices, self._block_factors, strict=True):
            after = slice(block.stop, None)
            M[after, block] = M[after, block] @ factor.inverse_root.T
            M[block, after] = M[after, block].T
        M.flags.writeable = False
        return M

    @cached_property
    def condition(self) -> float:
        """Largest condition number of a layer's block, each scaled to unit diagonal."""
        return max(factor.condition for factor in self._block_factors)

    @property
    def noise(self) -> float:
        """Rounding error that whitening leaves in ``M``: about ``eps`` times :attr:`condition`."""
        return EPS * max(len(self.gradient), self.condition)

    def _factor(self, layers: tuple[int, ...]) -> PositiveFactor:
        if len(layers) == self.layers:
            return self._joint_factor
        at = self.coordinates(layers)
        return self._factor_of(self.whitened_coupling[np.ix_(at, at)])

    def solve_between(self, layers: Sequence[int], right: Array) -> Array:
        """Apply ``(I + M_SS)^{-1}`` to whitened vectors on the coordinates of ``layers``."""
        return self._factor(self.select(layers)).solve(np.asarray(right, dtype=np.float64))

    @cached_property
    def _joint_factor(self) -> PositiveFactor:
        return self._factor_of(self.whitened_coupling)

    def _factor_of(self, M: Array) -> PositiveFactor:
        joint = M.copy()
        np.fill_diagonal(joint, 1.0)
        return positive_factor(joint, "the curvature between layers", self.noise, overwrite=True)

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """Why a pseudo-inverse stands where an inverse should; empty on regular input."""
        found = [factor.reason for factor in self._block_factors]
        found.append(self._joint_factor.reason)
        if any(found):
            outside = self.gradient + self.curvature @ self.minimiser()
            size = float(np.abs(outside).max())
            if size > 1e-6 * float(np.abs(self.gradient).max(initial=0.0)):
                found.append(
                    f"the gradient leaves the range of the curvature by {size:.3g}: that part has "
                    "no finite gain and is left out"
                )
        return tuple(reason for reason in found if reason)

    # ------------------------------------------------------------------ coupling

    @cached_property
    def residual_norms(self) -> Float64[Array, " layers"]:
        """``Res_l = sqrt(g_l' H_ll^{-1} g_l)``: twice the gain of layer ``l`` alone, square root.

        Provenance: paper (the normalised gradient norm); also the block's Newton decrement.
        """
        u = self.whitened_gradient
        return np.array([float(np.linalg.norm(u[block])) for block in self.slices])

    @cached_property
    def coupling_range(self) -> tuple[float, float]:
        """``(mu_min, mu_max)``, extreme eigenvalues of ``M``; ``mu_min > -1`` iff ``H > 0``.

        LAPACK up to 500 coordinates; above, Lanczos on ``M`` for ``mu_max`` and on the inverse of
        ``I + M`` for ``1 + mu_min``, each to an estimated relative error of 1e-8: the iteration
        in single precision, the value and its error in double.
        """
        M, factor = self.whitened_coupling, self._joint_factor
        if len(M) <= DENSE_UP_TO or factor.kind == "spectral" or not M.any():
            values = eigvalsh(M, check_finite=False)
            return float(values[0]), float(values[-1])
        single = M.astype(np.float32).T

        def rough(v: Array) -> Array:
            return np.asarray(blas.ssymv(1.0, single, v), dtype=np.float64)

        start = np.random.default_rng(0).standard_normal(len(M))
        highest, guess = largest_eigenvalue(lambda v: blas.dsymv(1.0, M.T, v), start, rough)
        inverse, _ = largest_eigenvalue(factor.solve, guess, factor.single_precision_solve())
        return 1 / inverse - 1, highest

    @property
    def coupling(self) -> float:
        """``rho``, the spectral norm of ``M``. Provenance: paper."""
        low, high = self.coupling_range
        return max(-low, high)

    # ------------------------------------------------------------------ solutions

    def value(self, theta: Array) -> float:
        """Change of loss ``Q(theta)`` at a displacement ``theta``."""
        point = self.displacement(theta)
        return float(self.gradient @ point + 0.5 * point @ (self.curvature @ point))

    def displacement(self, theta: Array) -> Float64[Array, " p"]:
        """Check a displacement: finite, of the gradient's length."""
        point = _finite(theta, "theta", 1)
        if point.shape != self.gradient.shape:
            raise InputError(f"theta has length {len(point)}, not {len(self.gradient)}")
        return point

    def gain(self, layers: Sequence[int] | None = None) -> float:
        """``G(S)``: the largest decrease of ``Q`` when only ``layers`` move (unit of the loss)."""
        chosen = self.select(layers)
        u = self.whitened_gradient[self.coordinates(chosen)]
        half = self._factor(chosen).whiten(u)
        return 0.5 * float(half @ half)

    def minimiser(self, layers: Sequence[int] | None = None) -> Float64[Array, " p"]:
        """Where ``Q`` is least when only ``layers`` move: full length, zero elsewhere."""
        chosen = self.select(layers)
        at = self.coordinates(chosen)
        v = np.zeros_like(self.gradient)
        v[at] = -self.solve_between(chosen, self.whitened_gradient[at])
        return self._unwhiten(v)

    def separate_minimiser(self) -> Float64[Array, " p"]:
        """``theta_loc = -D^{-1} g``: every layer trained alone."""
        return self._unwhiten(-self.whitened_gradient)

    def norm(self, theta: Array) -> float:
        """``||theta||_D = sqrt(theta' D theta)``: square root of twice a loss."""
        point = self.displacement(theta)
        square = sum(
            float(point[block] @ self.curvature[block, block] @ point[block])
            for block in self.slices
        )
        return float(np.sqrt(max(square, 0.0)))

    # ------------------------------------------------------------------ other quadratics

    def restrict(self, layers: Sequence[int]) -> "BlockQuadratic":
        """Return the quadratic over these layers alone, in ascending order."""
        chosen = self.select(layers)
        at = self.coordinates(chosen)
        return BlockQuadratic(
            self.gradient[at],
            self.curvature[np.ix_(at, at)],
            tuple(self.sizes[layer] for layer in chosen),
        )

    def regroup(self, labels: Sequence[int]) -> "BlockQuadratic":
        """Merge the blocks that carry the same label; the new layers go in order of label.

        Examples
        --------
        >>> q = BlockQuadratic(np.ones(3), np.eye(3), (1, 1, 1))
        >>> q.regroup([0, 0, 1]).sizes
        (2, 1)
        """
        if len(labels) != self.layers:
            raise InputError(f"{len(labels)} labels for {self.layers} layers: give one for each")
        groups = sorted(set(labels))
        members = {group: [i for i, own in enumerate(labels) if own == group] for group in groups}
        at = [i for group in groups for i in self.coordinates(members[group])]
        return BlockQuadratic(
            self.gradient[at],
            self.curvature[np.ix_(at, at)],
            tuple(sum(self.sizes[i] for i in members[group]) for group in groups),
        )


def _bounds(block: slice) -> tuple[int, int]:
    return int(block.start), int(block.stop)


def _finite(values: Array, name: str, axes: int) -> Array:
    """Copy to float64 and check."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers: {error}") from None
    if array.ndim != axes or array.size == 0:
        raise InputError(
            f"{name} must have {axes} axes and an entry at least; its shape is {array.shape}"
        )
    finite = np.isfinite(array)
    if not finite.all():
        at = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise InputError(f"{name} holds {array[at]} at {at}: every entry must be finite")
    return array

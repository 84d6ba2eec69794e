"""The local problem of one linear adapter: the best change of a weight matrix (section 3)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64
from theory.errors import InputError
from theory.hardness.adapter_gain import best_gain, rank_gain
from theory.hardness.spectrum import Spectrum

OUT_OF_RANGE = 1e-6


@dataclass(frozen=True)
class LinearAdapter:
    """``<Grad, A> + 1/2 tr(Gamma A Sigma A')``: the loss change of adding ``A`` to a weight.

    Without ``Gamma`` this is ``1/2 E||r - A h||^2`` up to a constant, with ``Grad = -E[r h']``.

    Parameters
    ----------
    gradient : (m, d) array
        Gradient of the loss in ``A`` at ``A = 0``, outputs first.
    inputs : Spectrum
        Of ``Sigma`` (d, d), the second moment of the layer's input.
    outputs : Spectrum or None
        Of ``Gamma`` (m, m), the curvature in the layer's output; None stands for the identity.

    Raises
    ------
    InputError
        The gradient is not finite or has a part outside the range of ``Sigma`` or ``Gamma``, where
        the model has slope and no curvature, so no minimum (a ridge gives one).

    Notes
    -----
    Provenance: reconstruction of Theorem 3.3 (3a, 3b); extension (3c, 3d).

    Examples
    --------
    The rank-one part of a rank-two problem carries the larger squared singular value:

    >>> adapter = LinearAdapter.from_moments(np.diag([3.0, 4.0]), np.diag([1.0, 4.0]))
    >>> round(adapter.residual_norm(), 12), round(adapter.residual_norm(rank=1), 12)
    (3.605551275464, 3.0)
    >>> adapter.best(rank=1)
    array([[-3.,  0.],
           [ 0.,  0.]])
    """

    gradient: Float64[Array, "m d"]
    inputs: Spectrum
    outputs: Spectrum | None = None

    @classmethod
    def from_moments(
        cls,
        gradient: Array,
        second_moment: Array,
        output_moment: Array | None = None,
        *,
        ridge: float | int = 0.0,
        output_ridge: float | int = 0.0,
    ) -> "LinearAdapter":
        """Build from ``Grad``, ``Sigma`` and, for the Kronecker form, ``Gamma``."""
        G = np.asarray(gradient, dtype=np.float64)
        if G.ndim != 2 or G.size == 0:
            raise InputError(f"gradient must be a matrix (outputs, inputs), got shape {G.shape}")
        outputs = None
        if output_moment is not None:
            outputs = Spectrum.from_moment(output_moment, output_ridge, "output_moment")
        return cls(G, Spectrum.from_moment(second_moment, ridge), outputs)

    def __post_init__(self) -> None:
        m, d = self.gradient.shape
        if d != len(self.inputs.eigenvalues):
            raise InputError(
                f"gradient has {d} columns but second_moment has {len(self.inputs.eigenvalues)}: "
                "pass the gradient as (outputs, inputs)"
            )
        if self.outputs is not None and m != len(self.outputs.eigenvalues):
            raise InputError(
                f"gradient has {m} rows but output_moment has {len(self.outputs.eigenvalues)}"
            )
        if not np.isfinite(self.gradient).all():
            raise InputError("gradient holds NaN or inf: drop those samples before averaging")
        lost = np.linalg.norm(self.coefficients[self.curvature <= 0])
        total = np.linalg.norm(self.gradient)
        if lost > OUT_OF_RANGE * total:
            raise InputError(
                f"{lost / total:.3g} of the gradient's norm lies where the second moment is zero, "
                "so the loss has no minimum: pass a ridge above 0 or check that both come from "
                "the same samples"
            )

    @property
    def reason(self) -> str | None:
        """Why a pseudo-inverse is in use; None when it is not."""
        sides = [self.inputs] if self.outputs is None else [self.inputs, self.outputs]
        return "; ".join(side.reason for side in sides if side.reason) or None

    @cached_property
    def curvature(self) -> Float64[Array, "m d"]:
        """Eigenvalues ``gamma_j lambda_i`` of the block, ridges included."""
        gamma = np.ones(len(self.gradient)) if self.outputs is None else self.outputs.regularised
        return np.outer(gamma, self.inputs.regularised)

    @cached_property
    def coefficients(self) -> Float64[Array, "m d"]:
        """The gradient in the block's eigenbasis."""
        return self.rotate(self.gradient)

    @cached_property
    def whitened(self) -> Float64[Array, "m d"]:
        """``Gamma^{-1/2} Grad Sigma^{-1/2}`` in the eigenbasis; its norm is ``Res``."""
        Lam = self.curvature
        return np.divide(self.coefficients, np.sqrt(Lam), out=np.zeros_like(Lam), where=Lam > 0)

    def rotate_back(self, rotated: Float64[Array, "m d"]) -> Float64[Array, "m d"]:
        """From the block's eigenbasis to the layer's own coordinates."""
        A = rotated @ self.inputs.eigenvectors.T
        return A if self.outputs is None else self.outputs.eigenvectors @ A

    def rotate(self, A: Float64[Array, "m d"]) -> Float64[Array, "m d"]:
        """Into the block's eigenbasis, where :attr:`curvature` is diagonal."""
        rotated = A @ self.inputs.eigenvectors
        return rotated if self.outputs is None else self.outputs.eigenvectors.T @ rotated

    @cached_property
    def _svd(self) -> tuple[Array, Array, Array]:
        U, s, Vt = np.linalg.svd(self.whitened, full_matrices=False)
        return U, s, Vt

    @property
    def singular_values(self) -> Float64[Array, " k"]:
        """Of the whitened gradient, descending: what each further rank is worth (3c)."""
        return self._svd[1]

    def _rank(self, rank: int | None) -> int:
        m, d = self.gradient.shape
        full: int = min(m, d)
        if rank is None:
            return full
        if rank < 1:
            raise InputError(f"rank must be at least 1, got {rank}")
        return min(rank, full)

    def residual_norm(self, rank: int | None = None) -> float:
        """``Res``, or the norm of the best rank-``rank`` part of the whitened gradient."""
        if rank is None:
            return float(np.linalg.norm(self.whitened))
        return float(np.linalg.norm(self.singular_values[: self._rank(rank)]))

    def best_gain(self, rank: int | None = None) -> float:
        """``1/2 Res^2``: the largest decrease of the loss, in the loss's unit (nats)."""
        if rank is None:
            return float(best_gain(self.residual_norm()))
        return float(rank_gain(self.singular_values, self._rank(rank)))

    def factors(self, rank: int) -> tuple[Float64[Array, "m r"], Float64[Array, "r d"]]:
        """LoRA factors ``B (m, r)``, ``A (r, d)`` whose product is :meth:`best` at this rank.

        The singular values are shared evenly, so both factors start at the same scale.
        """
        r = self._rank(rank)
        U, s, Vt = self._svd
        root = np.sqrt(s[:r])
        left, right = -U[:, :r] * root, root[:, None] * Vt[:r]
        if self.outputs is not None:
            left = self.outputs.eigenvectors @ (np.sqrt(self.outputs.inverse)[:, None] * left)
        return left, (right * np.sqrt(self.inputs.inverse)) @ self.inputs.eigenvectors.T

    def best(self, rank: int | None = None) -> Float64[Array, "m d"]:
        """The minimiser, among all matrices or those of rank at most ``rank``."""
        if rank is None:
            Lam = self.curvature
            inverse = np.divide(1.0, Lam, out=np.zeros_like(Lam), where=Lam > 0)
            return self.rotate_back(-self.coefficients * inverse)
        B, A = self.factors(rank)
        return B @ A

    def decrease(self, A: Float64[Array, "m d"]) -> float:
        """How far the modelled loss (ridge included) falls when ``A`` is added."""
        a = self.rotate(A)
        return float(-np.sum(self.coefficients * a) - 0.5 * np.sum(self.curvature * a * a))

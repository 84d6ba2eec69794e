"""Second moments of features and residual: all that a least-squares world or sample offers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64, Int64, IntArray
from theory.quadratic.block_slices import block_slices


@dataclass(frozen=True)
class Moments:
    """Moments of r = A h + noise, where every layer l sees its own features h_l.

    The loss of an adapter A = (A_1 .. A_L) is 1/2 E||r - A h||^2. Its parameters are ordered
    layer by layer, feature by feature, output by output: vec(A_l) stacked column-wise.

    Parameters
    ----------
    second_moment : (p, p)
        Sigma = E[h h'] of all layers' features, uncentred.
    cross_moment : (m, p)
        C = E[r h'].
    sizes
        Number of features of each layer, in depth order; they sum to p.

    Raises
    ------
    InputError
        If the shapes do not agree.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> moments = Moments(np.eye(2), np.array([[3.0, 4.0]]), (1, 1))
    >>> moments.quadratic.gain(), moments.reduction(np.array([[3.0, 4.0]]))
    (12.5, 12.5)
    """

    second_moment: Float64[Array, "p p"]
    cross_moment: Float64[Array, "m p"]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        p = sum(self.sizes)
        if self.second_moment.shape != (p, p) or self.cross_moment.shape[1:] != (p,):
            raise InputError(
                f"sizes {self.sizes} sum to {p}, but the second moment has shape "
                f"{self.second_moment.shape} and the cross moment {self.cross_moment.shape}"
            )

    @property
    def outputs(self) -> int:
        """Number of outputs m."""
        return int(self.cross_moment.shape[0])

    @property
    def layers(self) -> int:
        """Number of layers L."""
        return len(self.sizes)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each layer's features stand."""
        return block_slices(self.sizes)

    @cached_property
    def quadratic(self) -> BlockQuadratic:
        """The loss as a function of the stacked parameters: H = Sigma (x) I_m, g = -vec(C)."""
        return BlockQuadratic(
            -self.cross_moment.T.ravel(),
            np.asarray(np.kron(self.second_moment, np.eye(self.outputs)), dtype=np.float64),
            tuple(size * self.outputs for size in self.sizes),
        )

    def features(self, layers: tuple[int, ...] | None = None) -> Int64[IntArray, " q"]:
        """Indices of the features of ``layers``, in the order given (all when None).

        Raises
        ------
        InputError
            For an empty or duplicate selection, or a layer out of range.
        """
        chosen = tuple(range(self.layers)) if layers is None else layers
        if not chosen or len(set(chosen)) < len(chosen):
            raise InputError(f"layers {layers} must be a non-empty selection without duplicates")
        if not all(0 <= layer < self.layers for layer in chosen):
            raise InputError(f"layers {layers} must lie between 0 and {self.layers - 1}")
        index = np.arange(sum(self.sizes))
        return np.concatenate([index[self.slices[layer]] for layer in chosen])

    def reduction(self, adapter: Float64[Array, "m p"]) -> float:
        """Loss reduction tr(C A') - 1/2 tr(A Sigma A') of an adapter, in the units of the loss."""
        A = adapter
        return float(np.sum(self.cross_moment * A) - 0.5 * np.sum((A @ self.second_moment) * A))

"""What a budget of Adam steps gains in the whole space that LoRA reaches.

Every direction of the factors is kept (not k per module), the curvature is the Gauss-Newton
matrix estimated from sampled labels, ``F = S'S`` with one row of ``S`` for each draw of each
sequence, and the optimiser enters twice: Adam divides each coordinate's gradient by ``sqrt(v)``,
so the flow is ``theta' = -P (g + F theta)`` with ``P = diag(v)^{-1/2}``; and a schedule of learning
rates ``eta_t`` lasts ``tau = sum eta_t``. With eigenpairs ``(w_i, x_i)`` of ``P^{1/2} F P^{1/2}``
and ``c_i = x_i'P^{1/2} g`` (docs/theory.md 4c, in continuous time)

    gain(tau) = sum_i c_i^2 (1 - exp(-2 tau w_i)) / (2 w_i),    c_i^2 tau where w_i = 0.

All of it follows from ``S P S'`` (D n, D n), ``S P g`` and ``g'P g``, and each of these is a sum
over layers: any set of layers costs one eigendecomposition of size D n, whatever the model's size.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from realmodel.measure.tangent.kernel import Kernel
from theory import InputError
from theory.arrays import Array, Float64

ROUNDING = 1e-7
"""Eigenvalues this small, relative to the largest, are rounding of rows in single precision.

What they hold falls at its first-order rate, which is the limit of a small eigenvalue anyway.
"""

EXHAUSTIVE_UP_TO = 2000
"""Sets that are all evaluated; beyond that the pick is greedy."""


@dataclass(frozen=True)
class TangentGain:
    """Gain of any set of layers after a budget of optimiser time.

    Parameters
    ----------
    kernels : mapping of int to Kernel
        By block index.
    tokens : (n,) array
        Completion tokens of each sequence.
    time : float
        ``tau``, the sum of the learning rates.
    """

    kernels: Mapping[int, Kernel]
    tokens: Float64[Array, " n"]
    time: float

    def joined(
        self, layers: Sequence[int]
    ) -> tuple[Float64[Array, "s s"], Float64[Array, " s"], float]:
        """``S P S'``, ``S P g`` and ``g'P g`` of a set of layers: sums over its layers."""
        chosen = [self.kernels[layer] for layer in layers]
        return (
            np.sum([own.curvature for own in chosen], axis=0),
            np.sum([own.projection for own in chosen], axis=0),
            sum(own.square for own in chosen),
        )

    def value(self, layers: Sequence[int]) -> float:
        """Gain in nats per completion token."""
        kernel, projection, square = self.joined(layers)
        w, V = np.linalg.eigh(kernel)
        kept = w > ROUNDING * w[-1]
        w, c2 = w[kept], np.square(V[:, kept].T @ projection) / w[kept]
        # What no sampled gradient sees has no curvature here and falls at its first-order rate.
        flat = max(square - float(c2.sum()), 0.0)
        bent = float(np.sum(c2 * -np.expm1(-2 * self.time * w) / (2 * w)))
        return bent + flat * self.time

    def pick(self, size: int) -> tuple[int, ...]:
        """The best set of this size: all sets when few, greedy otherwise.

        Raises
        ------
        InputError
            When there are not that many layers.
        """
        layers = sorted(self.kernels)
        if not 1 <= size <= len(layers):
            raise InputError(f"cannot choose {size} of {len(layers)} layers")
        if math.comb(len(layers), size) <= EXHAUSTIVE_UP_TO:
            return max(itertools.combinations(layers, size), key=self.value)
        chosen: tuple[int, ...] = ()
        for _ in range(size):
            rest = [layer for layer in layers if layer not in chosen]
            chosen = (*chosen, max(rest, key=lambda layer: self.value((*chosen, layer))))
        return tuple(sorted(chosen))

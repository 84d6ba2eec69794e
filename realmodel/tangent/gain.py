"""What a budget of Adam steps gains in the whole space that LoRA can reach at first.

Every direction of ``B`` is kept (not k per module), the curvature is the Gauss-Newton matrix
estimated from sampled labels, ``F = S'S`` with one row of ``S`` per sequence, and the optimiser
enters twice: Adam divides each coordinate's gradient by ``sqrt(v)``, so the flow is
``theta' = -P (g + F theta)`` with ``P = diag(v)^{-1/2}``; and a schedule of learning rates
``eta_t`` lasts ``tau = sum eta_t``. With eigenpairs ``(w_i, x_i)`` of ``P^{1/2} F P^{1/2}`` and
``c_i = x_i'P^{1/2} g`` (docs/theory.md 4c, in continuous time)

    gain(tau) = sum_i c_i^2 (1 - exp(-2 tau w_i)) / (2 w_i),    c_i^2 tau where w_i = 0.

All of it follows from ``S P S'`` (n, n), ``S P g`` and ``g'P g``, and each of these is a sum over
layers: so any set of layers costs one eigendecomposition of size n, whatever the model's size.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from realmodel.architectures import AdaptedModule
from realmodel.batches import EncodedExample
from realmodel.finetune.options import FinetuneOptions
from realmodel.tangent.gradients import TangentGradients, tangent_gradients
from theory import InputError
from theory.arrays import Array, Float64

EXHAUSTIVE_UP_TO = 2000
"""Sets that are all evaluated; beyond that the pick is greedy."""

SEQUENCES = 128
"""Enough for the order of placements; two backward passes each."""

DRAW = 7919
"""Seed of the adapters that are measured: none that a fine-tuning run uses."""


@dataclass(frozen=True)
class LayerKernel:
    """What one layer adds to the model; ``g`` is the mean gradient, rows are sequences.

    Parameters
    ----------
    curvature : (n, n) array
        ``S P S'``.
    projection : (n,) array
        ``S P g``.
    square : float
        ``g' P g``.
    contributions : (n, n) array
        ``D P S'``, with one row of ``D`` per sequence: the gradient of its summed loss.
    slopes : (n,) array
        ``D P g``.
    """

    curvature: Float64[Array, "n n"]
    projection: Float64[Array, " n"]
    square: float
    contributions: Float64[Array, "n n"]
    slopes: Float64[Array, " n"]


@dataclass(frozen=True)
class TangentGain:
    """Gain of any set of layers after a budget of optimiser time.

    Parameters
    ----------
    kernels : mapping of int to LayerKernel
        By block index.
    tokens : (n,) array
        Completion tokens of each sequence.
    time : float
        ``tau``, the sum of the learning rates.
    """

    kernels: Mapping[int, LayerKernel]
    tokens: Float64[Array, " n"]
    time: float

    @classmethod
    def from_gradients(
        cls, gradients: TangentGradients, *, batch_size: int, time: float
    ) -> "TangentGain":
        """Precondition as Adam would with batches of this size, and form the kernels."""
        total = float(gradients.tokens.sum())
        batch_tokens = batch_size * float(gradients.tokens.mean())
        kernels: dict[int, LayerKernel] = {}
        for layer, rows in gradients.data.items():
            data = rows.astype(np.float64)
            g = data.sum(axis=0) / total
            # Second moment of the mean gradient of a batch: its mean and its sampling noise.
            v = g**2 + batch_size * data.var(axis=0) / batch_tokens**2
            root = np.where(v > 0, v, np.inf) ** -0.25
            S = gradients.sampled[layer].astype(np.float64) / math.sqrt(total) * root
            g *= root
            data *= root
            kernels[layer] = LayerKernel(S @ S.T, S @ g, float(g @ g), data @ S.T, data @ g)
        return cls(kernels, gradients.tokens, time)

    def value(self, layers: Sequence[int]) -> float:
        """Gain in nats per completion token."""
        chosen = [self.kernels[layer] for layer in layers]
        kernel = np.sum([own.curvature for own in chosen], axis=0)
        projection = np.sum([own.projection for own in chosen], axis=0)
        square = sum(own.square for own in chosen)
        w, V = np.linalg.eigh(kernel)
        kept = w > len(w) * np.finfo(float).eps * w[-1]
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


def tangent_gain(
    model: Any,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    protocol: FinetuneOptions,
    *,
    sequences: int = SEQUENCES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TangentGain:
    """Measure the gain under the protocol that the fine-tuning runs will follow.

    Parameters
    ----------
    model : causal language model
        Left as it was.
    encoded : sequence of EncodedExample
        The task; the first ``sequences`` are used.
    modules : sequence of AdaptedModule
        All that could be adapted.
    protocol : FinetuneOptions
        Rank, alpha, learning rate (falling linearly to zero), steps and batch size.
    progress : callable, optional
    """
    options = replace(protocol, seed=DRAW + protocol.seed)
    gradients = tangent_gradients(model, encoded[:sequences], modules, options, progress)
    rates = protocol.learning_rate * (1 - np.arange(protocol.steps) / protocol.steps)
    return TangentGain.from_gradients(
        gradients, batch_size=protocol.batch_size, time=float(rates.sum())
    )

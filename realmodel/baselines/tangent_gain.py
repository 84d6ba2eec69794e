"""Ours: what a budget of Adam steps gains in the whole space that LoRA can reach at first.

Every direction of ``B`` is kept (not k per module), the curvature is the Gauss-Newton matrix
estimated from sampled labels, ``F = S'S`` with one row of ``S`` per sequence, and the optimiser
enters twice: Adam divides each coordinate's gradient by ``sqrt(v)``, so the flow is
``theta' = -P (g + F theta)`` with ``P = diag(v)^{-1/2}``; and a schedule of learning rates
``eta_t`` lasts ``tau = sum eta_t``. With eigenpairs ``(w_i, x_i)`` of ``P^{1/2} F P^{1/2}`` and
``c_i = x_i'P^{1/2} g`` (theory.md 4c, in continuous time)

    gain(tau) = sum_i c_i^2 (1 - exp(-2 tau w_i)) / (2 w_i),    c_i^2 tau where w_i = 0.

All of it follows from ``S P S'`` (n, n), ``S P g`` and ``g'P g``, and each of these is a sum over
layers: so any set of layers costs one eigendecomposition of size n, whatever the model's size.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from realmodel.baselines.context import Context
from realmodel.baselines.score import Baseline, refuse_size
from realmodel.baselines.tangent_gradients import TangentGradients, tangent_gradients
from theory.arrays import Array, Float64

EXHAUSTIVE_UP_TO = 2000
"""Sets that are all evaluated; beyond that the pick is greedy."""

SEQUENCES = 128
"""At most this many sequences, the first ones: two backward passes each."""

DRAW = 7919
"""Seed of the adapters that are measured: none that a fine-tuning run uses."""


@dataclass(frozen=True)
class TangentGain:
    """Gain of any set of layers after a budget of optimiser time.

    Parameters
    ----------
    kernels : mapping of int to (n, n) array
        ``S_l P_l S_l'`` of each layer.
    projections : mapping of int to (n,) array
        ``S_l P_l g_l``.
    squares : mapping of int to float
        ``g_l' P_l g_l``.
    time : float
        ``tau``, the sum of the learning rates.
    """

    kernels: Mapping[int, Float64[Array, "n n"]]
    projections: Mapping[int, Float64[Array, " n"]]
    squares: Mapping[int, float]
    time: float

    @classmethod
    def from_gradients(
        cls, gradients: TangentGradients, *, batch_size: int, time: float
    ) -> "TangentGain":
        """Precondition as Adam would with batches of this size, and form the kernels."""
        total = float(gradients.tokens.sum())
        batch_tokens = batch_size * float(gradients.tokens.mean())
        kernels: dict[int, Array] = {}
        projections: dict[int, Array] = {}
        squares: dict[int, float] = {}
        for layer, rows in gradients.data.items():
            data = rows.astype(np.float64)
            g = data.sum(axis=0) / total
            # Second moment of the mean gradient of a batch: its mean and its sampling noise.
            v = g**2 + batch_size * data.var(axis=0) / batch_tokens**2
            root = np.where(v > 0, v, np.inf) ** -0.25
            S = gradients.sampled[layer].astype(np.float64) / math.sqrt(total) * root
            kernels[layer] = S @ S.T
            projections[layer] = S @ (root * g)
            squares[layer] = float(np.square(root * g).sum())
        return cls(kernels, projections, squares, time)

    def value(self, layers: Sequence[int]) -> float:
        """Gain in nats per completion token."""
        kernel = np.sum([self.kernels[layer] for layer in layers], axis=0)
        projection = np.sum([self.projections[layer] for layer in layers], axis=0)
        square = sum(self.squares[layer] for layer in layers)
        w, V = np.linalg.eigh(kernel)
        kept = w > len(w) * np.finfo(float).eps * w[-1]
        w, c2 = w[kept], np.square(V[:, kept].T @ projection) / w[kept]
        # What no sampled gradient sees has no curvature here and falls at its first-order rate.
        flat = max(square - float(c2.sum()), 0.0)
        bent = float(np.sum(c2 * -np.expm1(-2 * self.time * w) / (2 * w)))
        return bent + flat * self.time

    def pick(self, size: int) -> tuple[int, ...]:
        """The best set of this size: all sets when few, greedy otherwise."""
        layers = sorted(self.kernels)
        refuse_size(size, len(layers))
        if math.comb(len(layers), size) <= EXHAUSTIVE_UP_TO:
            return max(itertools.combinations(layers, size), key=self.value)
        chosen: tuple[int, ...] = ()
        for _ in range(size):
            rest = [layer for layer in layers if layer not in chosen]
            chosen = (*chosen, max(rest, key=lambda layer: self.value((*chosen, layer))))
        return tuple(sorted(chosen))


def score(context: Context) -> TangentGain:
    """The gain under the protocol that the runs will follow."""
    protocol = context.protocol
    gradients = tangent_gradients(
        context.checkpoint.model,
        context.encoded[:SEQUENCES],
        context.modules,
        replace(protocol, seed=DRAW + context.seed),
    )
    rates = protocol.learning_rate * (1 - np.arange(protocol.steps) / protocol.steps)
    return TangentGain.from_gradients(
        gradients, batch_size=protocol.batch_size, time=float(rates.sum())
    )


BASELINES = (
    Baseline(
        "tangent-gain",
        "Tangent gain under the step budget (ours)",
        "this project: Gauss-Newton in all of LoRA's first directions, Adam's scaling, 4c",
        "sequences",
        score,
        predicts_gain=True,
    ),
)

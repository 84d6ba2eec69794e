"""Random gradients of three layers, and the same model written out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.kernel import Kernel

BATCH = 3


@dataclass(frozen=True)
class Gradients:
    """Per layer (n, p), with the data's labels and with sampled ones; tokens per sequence."""

    data: dict[int, Any]
    sampled: dict[int, Any]
    tokens: Any

    def gain(self, time: float) -> TangentGain:
        kernels = {
            layer: Kernel.from_rows(
                torch.from_numpy(rows),
                torch.from_numpy(self.sampled[layer]),
                self.tokens,
                batch_size=BATCH,
            )
            for layer, rows in self.data.items()
        }
        return TangentGain(kernels, self.tokens, time)

    def kept(self, places: Any) -> "Gradients":
        """Of these sequences alone."""
        return Gradients(
            {layer: rows[places] for layer, rows in self.data.items()},
            {
                layer: rows.reshape(-1, len(self.tokens), rows.shape[1])[:, places].reshape(
                    -1, rows.shape[1]
                )
                for layer, rows in self.sampled.items()
            },
            self.tokens[places],
        )

    def dense(self, layers: Any) -> tuple[Any, Any, Any]:
        """Gradient, curvature and Adam's second moment of a set of layers."""
        total, mean = self.tokens.sum(), self.tokens.mean()
        data = np.hstack([self.data[layer] for layer in layers]).astype(float)
        rows = np.hstack([self.sampled[layer] for layer in layers]).astype(float)
        rows /= np.sqrt(len(rows) / len(data))  # the mean over draws
        g = data.sum(0) / total
        # A batch's mean gradient is the mean of its sequences' gradients per mean token.
        return g, rows.T @ rows / total, g**2 + (data / mean).var(0) / BATCH


@pytest.fixture(params=[1, 3], ids=lambda draws: f"{draws} draws")
def gradients(request: pytest.FixtureRequest) -> Gradients:
    draws = request.param
    rng = np.random.default_rng(0)
    sizes = {0: 4, 1: 5, 2: 3}

    def draw(times: int = 1) -> dict[int, Any]:
        return {k: rng.standard_normal((9 * times, p)) for k, p in sizes.items()}

    return Gradients(draw(), draw(draws), rng.integers(2, 6, 9).astype(float))

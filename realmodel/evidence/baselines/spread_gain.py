"""Ours: the tangent gain, weighted by how different the layers are that share it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, JointGain, refuse_size
from realmodel.measure.tangent.alignment import independent_layers, kernel_alignment
from realmodel.measure.tangent.quadratic import tangent_quadratic
from theory.arrays import Array, Float64


@dataclass(frozen=True)
class SpreadGain:
    """Joint gain times the root of the number of independent layers.

    Parameters
    ----------
    gain : JointGain
        The tangent model.
    alignment : (L, L) array
        Of its layers' kernels.
    """

    gain: JointGain
    alignment: Float64[Array, "L L"]

    def value(self, layers: Sequence[int]) -> float:
        """Nothing that has a unit: an order."""
        chosen = [self.gain.layers.index(layer) for layer in layers]
        return self.gain.value(layers) * float(np.sqrt(independent_layers(self.alignment, chosen)))

    def pick(self, size: int) -> tuple[int, ...]:
        """From the tangent model's own pick by exchanges of one layer, as long as one helps."""
        refuse_size(size, len(self.gain.layers))
        best = self.gain.pick(size)
        value = self.value(best)
        while True:
            others = [layer for layer in self.gain.layers if layer not in best]
            near = [tuple(sorted({*best, new} - {old})) for old in best for new in others]
            found = max(near, key=self.value, default=best)
            if self.value(found) <= value * (1 + 1e-12):
                return best
            best, value = found, self.value(found)


def score(context: Context) -> SpreadGain:
    """From the kernels of the card's pass."""
    tangent = context.statistics.tangent()
    alignment = kernel_alignment(tangent)
    return SpreadGain(JointGain(tangent_quadratic(tangent), context.layers, "exact"), alignment)


BASELINES = (
    Baseline(
        "spread-gain",
        "Tangent gain times the root of the independent layers (ours)",
        "this project: coupling measured by the alignment of the layers' tangent kernels",
        "statistics",
        score,
    ),
)

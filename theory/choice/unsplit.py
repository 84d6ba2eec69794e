"""A quadratic with singular curvature: no ``N`` can be split off, but gains are still exact."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64
from theory.choice.block_split import best_addition
from theory.choice.response import Response
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.conditional_system import ConditionalSystem


@dataclass(frozen=True, eq=False)
class Unsplit:
    """Answers with exact gains of the layers of positive weight, and marginal gains as prices.

    No bound follows from such prices; the gain of all layers is what remains as one.

    Parameters
    ----------
    quadratic : BlockQuadratic
    """

    quadratic: BlockQuadratic
    reason: str = (
        "the curvature is singular to working precision, so the bound is the gain of all candidates"
    )

    @property
    def layers(self) -> int:
        """``L``."""
        return self.quadratic.layers

    def gain(self, layers: Sequence[int]) -> float:
        """``G(S)``."""
        return self.quadratic.gain(layers) if len(layers) else 0.0

    def respond(self, weights: Float64[Array, " L"]) -> Response:
        """Marginal gains at the set of layers of positive weight, and an infinite energy."""
        chosen = np.flatnonzero(weights).tolist()
        gain = self.gain(chosen)
        prices = np.array(
            [
                gain - self.gain([at for at in chosen if at != layer])
                if layer in chosen
                else self.gain([*chosen, layer]) - gain
                for layer in range(self.layers)
            ]
        )
        return Response(weights, gain, float("inf"), np.maximum(prices, 0.0))

    @cached_property
    def _system(self) -> ConditionalSystem:
        return ConditionalSystem.of(self.quadratic, tuple(range(self.layers)))

    def additions(
        self, chosen: Sequence[int], layers: Sequence[int], costs: Float64[Array, " L"]
    ) -> tuple[int, float]:
        """By one factor of the chosen layers."""
        return best_addition(self._system, chosen, layers, costs)

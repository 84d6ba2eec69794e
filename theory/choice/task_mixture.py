"""Several tasks on the same layers, weighed into one: what searches and certificates ask of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import Array, Float64
from theory.choice.relaxation import respond_to
from theory.choice.response import Response, Split
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class TaskMixture:
    """Each task's gain as a share of a whole, and the weighted mean of them.

    The tasks' parameters are apart, so the mean is the gain of one quadratic whose layer ``l``
    holds layer ``l`` of every task: energies, values and prices are weighted means (10a).

    Parameters
    ----------
    splits : tuple of Split
        One per task.
    wholes : (m,) array
        What each task's gain is a share of; above 0.
    weights : (m,) array
        At least 0, summing to 1.
    worst : bool
        Whether the gain of a set is its least share, which no weighted mean is below, or the mean
        itself.
    """

    splits: tuple[Split, ...]
    wholes: Float64[Array, " m"]
    weights: Float64[Array, " m"]
    worst: bool

    @property
    def reason(self) -> str:
        """Why no bound is proved: the first task's that proves none."""
        return next((split.reason for split in self.splits if split.reason), "")

    @property
    def layers(self) -> int:
        """``L``."""
        return self.splits[0].layers

    def shares(self, layers: Sequence[int]) -> Float64[Array, " m"]:
        """Share of each task."""
        gains = np.array([split.gain(layers) for split in self.splits])
        return gains / self.wholes

    def gain(self, layers: Sequence[int]) -> float:
        """The least share, or the weighted mean of them."""
        shares = self.shares(layers)
        return float(shares.min() if self.worst else self.weights @ shares)

    def responses(self, weights: Float64[Array, " L"]) -> list[Response]:
        """Each task's own response to weighted layers."""
        return [split.respond(weights) for split in self.splits]

    def respond(self, weights: Float64[Array, " L"]) -> Response:
        """The weighted mean of the tasks' responses."""
        return self.mixed(self.responses(weights))

    def mixed(self, found: Sequence[Response]) -> Response:
        """The weighted mean of some responses; a task of weight 0 has no part in it."""
        part = [
            (float(share), own)
            for share, own in zip(self.weights / self.wholes, found, strict=True)
            if share > 0
        ]
        return Response(
            found[0].weights,
            sum(share * own.value for share, own in part),
            sum(share * own.energy for share, own in part),
            np.sum([share * own.prices for share, own in part], axis=0),
        )

    def additions(
        self, chosen: Sequence[int], layers: Sequence[int], costs: Float64[Array, " L"]
    ) -> tuple[int, float]:
        """Try layers in order of price: with one more, no set is worth more than value and price.

        The mean is at most that by 10c, and the least share at most the mean.
        """
        base, now = respond_to(self, chosen), self.gain(chosen)
        unit = np.where(costs > 0, costs, EPS)
        most = {layer: (base.value + base.prices[layer] - now) / unit[layer] for layer in layers}
        order = sorted(layers, key=lambda layer: (-most[layer], layer))
        best, gain = order[0], self.gain([*chosen, order[0]])
        share = (gain - now) / unit[best]
        for layer in order[1:]:
            if most[layer] <= share:
                break
            total = self.gain([*chosen, layer])
            own = (total - now) / unit[layer]
            if own > share * (1 + 1e-10):
                best, share, gain = layer, own, total
        return best, gain

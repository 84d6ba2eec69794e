"""Choices by position alone: random, first, last, middle and uniformly spread layers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores, refuse_size


def random_score(context: Context) -> LayerScores:
    """A random order of the layers, drawn from the context's seed."""
    order = np.random.default_rng([context.seed, 0x5EED]).permutation(len(context.layers))
    return LayerScores({layer: float(r) for layer, r in zip(context.layers, order, strict=True)})


def first_score(context: Context) -> LayerScores:
    """Lower is better."""
    return LayerScores.from_worst({layer: -float(layer) for layer in context.layers})


def last_score(context: Context) -> LayerScores:
    """Higher is better."""
    return LayerScores({layer: float(layer) for layer in context.layers})


def middle_score(context: Context) -> LayerScores:
    """Nearer to the middle is better."""
    middle = (context.layers[0] + context.layers[-1]) / 2
    return LayerScores.from_worst({layer: -abs(layer - middle) for layer in context.layers})


@dataclass(frozen=True)
class UniformSpread:
    """The number of layers, less a share below one for the distance to an even spread."""

    layers: tuple[int, ...]

    def centres(self, size: int) -> tuple[float, ...]:
        """Where ``size`` layers would stand if layers were continuous."""
        count = len(self.layers)
        return tuple((2 * i + 1) * count / (2 * size) - 0.5 for i in range(size))

    def value(self, layers: Sequence[int]) -> float:
        """More layers are better; of as many, those nearer to the centres of equal stretches."""
        places = sorted(self.layers.index(layer) for layer in layers)
        centres = self.centres(len(places))
        distance = float(sum((p - c) ** 2 for p, c in zip(places, centres, strict=True)))
        return len(places) - distance / (1 + distance)

    def pick(self, size: int) -> tuple[int, ...]:
        """The layers nearest to the centres, the later one when halfway: the pool's uniform set."""
        refuse_size(size, len(self.layers))
        return tuple(self.layers[int(np.floor(centre + 0.5))] for centre in self.centres(size))


def uniform_score(context: Context) -> UniformSpread:
    """Nearer to evenly spread is better."""
    return UniformSpread(context.layers)


SOURCE = "common practice; no publication claimed"
BASELINES = (
    Baseline("random", "Random", SOURCE, "nothing", random_score),
    Baseline("first-k", "First k", SOURCE, "nothing", first_score),
    Baseline("last-k", "Last k", SOURCE, "nothing", last_score),
    Baseline("middle-k", "Middle k", SOURCE, "nothing", middle_score),
    Baseline("uniform-k", "Uniform k", SOURCE, "nothing", uniform_score),
)

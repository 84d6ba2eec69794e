"""Good sets of layers: greedy, then one layer out and the best ones in for as long as it helps."""

from collections.abc import Sequence

import numpy as np

from theory.arrays import Array, Float64
from theory.choice.choices import Choices
from theory.choice.clock import Clock
from theory.choice.relaxation import respond_to
from theory.choice.response import Split

TIE = 1e-10
"""Relative difference of two gains that counts as rounding."""


def fill(
    split: Split,
    choices: Choices,
    layers: Sequence[int],
    prices: Float64[Array, " L"],
    clock: Clock,
) -> tuple[tuple[int, ...], float]:
    """Add, while any fits, the layer that gains most per unit of ``prices``."""
    chosen = list(layers)
    gain = split.gain(chosen)
    left = choices.limit - float(choices.costs[[at for at in chosen if choices.free[at]]].sum())
    while not clock.over:
        rest = [
            layer
            for layer in choices.open_layers
            if layer not in chosen and choices.costs[layer] <= left
        ]
        if not rest:
            break
        layer, gain = split.additions(chosen, rest, prices)
        chosen.append(layer)
        left -= float(choices.costs[layer])
    return tuple(sorted(chosen)), gain


def improve(
    split: Split, choices: Choices, layers: tuple[int, ...], gain: float, clock: Clock
) -> tuple[tuple[int, ...], float]:
    """Swap until no swap helps: the cheapest to drop goes first."""
    improved = True
    while improved and not clock.over:
        improved = False
        prices = respond_to(split, layers).prices
        for layer in sorted((at for at in layers if choices.free[at]), key=lambda at: prices[at]):
            if clock.over:
                break
            kept = tuple(at for at in layers if at != layer)
            other, total = fill(split, choices, kept, choices.costs, clock)
            if total > gain * (1 + TIE):
                layers, gain, improved = other, total, True
                break
    return layers, gain


def search_locally(
    split: Split, choices: Choices, weights: Float64[Array, " L"] | None, clock: Clock
) -> tuple[tuple[int, ...], float]:
    """The best of greedy by gain, greedy by gain per cost and the largest weights, then swaps.

    The first is finished whatever the clock says, so that no result is worse than greedy.
    """
    even = np.ones(split.layers)
    starts = [fill(split, choices, choices.forced_layers, even, Clock())]
    if not (choices.costs == choices.costs[0]).all():
        starts.append(fill(split, choices, choices.forced_layers, choices.costs, clock))
    if weights is not None:
        starts.append(rounded(split, choices, weights, clock))
    layers, gain = max(starts, key=lambda found: found[1])
    return improve(split, choices, layers, gain, clock)


def rounded(
    split: Split, choices: Choices, weights: Float64[Array, " L"], clock: Clock
) -> tuple[tuple[int, ...], float]:
    """The layers of the largest weights that fit, and what else does."""
    chosen, left = list(choices.forced_layers), choices.limit
    for layer in sorted(choices.open_layers, key=lambda at: (-weights[at], at)):
        if weights[layer] > 0 and choices.costs[layer] <= left:
            chosen.append(layer)
            left -= float(choices.costs[layer])
    return fill(split, choices, chosen, choices.costs, clock)

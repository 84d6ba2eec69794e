"""The recommended layers beside what anybody would take without measuring, of the same size."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from realmodel.card.layer_card import LayerCard
from realmodel.card.predictor import Predictor
from realmodel.placement.place import Choice
from realmodel.placement.structured import structured_placements

DRAWS = 200
"""Random sets; all there are, where there are no more."""


@dataclass(frozen=True)
class Rival:
    """One way to choose as many layers, with what the card's model predicts of it.

    Attributes
    ----------
    name : str
        ``recommended``, ``runner-up``, ``first``, ``last``, ``uniform`` or ``random``.
    layers : tuple of int or None
        Block indices; ``None`` of random sets.
    gain : float
        Predicted, nats per completion token; of random sets their mean.
    low, high : float
        95% sampling interval; of random sets the middle 90% of them.
    """

    name: str
    layers: tuple[int, ...] | None
    gain: float
    low: float
    high: float


def rivals(card: LayerCard, choice: Choice) -> tuple[Rival, ...]:
    """The choice, its runner-up, and the first, last, uniform and random layers of its size.

    Parameters
    ----------
    card : LayerCard
    choice : Choice
        Made on this card.

    Returns
    -------
    tuple of Rival
        In that order; without a runner-up where there is none.
    """
    model, size = card.predictor(choice.predictor), len(choice.best.layers)
    named = {"recommended": choice.best.layers}
    if choice.runner_up is not None:
        named["runner-up"] = choice.runner_up.layers
    usual = structured_placements(card.indices, size)
    named |= {rule: usual[f"{rule}-k"] for rule in ("first", "last", "uniform")}
    found = [_one(card, model, name, layers) for name, layers in named.items()]
    gains = np.array([model.quadratic.gain(own) for own in _drawn(len(card.layers), size)])
    low, high = np.quantile(gains, (0.05, 0.95)).tolist()
    return (*found, Rival("random", None, float(gains.mean()), low, high))


def _one(card: LayerCard, model: Predictor, name: str, layers: tuple[int, ...]) -> Rival:
    positions = card.positions(layers)
    gain, error = model.quadratic.gain(positions), model.gain_error(positions) or 0.0
    return Rival(name, layers, gain, max(gain - 1.96 * error, 0.0), gain + 1.96 * error)


def _drawn(layers: int, size: int) -> Iterator[Sequence[int]]:
    if math.comb(layers, size) <= DRAWS:
        yield from combinations(range(layers), size)
        return
    generator = np.random.default_rng([layers, size])
    for _ in range(DRAWS):
        yield sorted(generator.choice(layers, size, replace=False).tolist())

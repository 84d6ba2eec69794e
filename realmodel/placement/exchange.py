"""What it costs to put another layer in the place of a chosen one: leads and ties."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from realmodel.card.predictor import Predictor
from realmodel.placement.budget import Budget
from theory.choice.block_split import best_addition
from theory.quadratic.conditional_system import ConditionalSystem

SURE = 1.96
"""Standard errors beyond which a lead is no accident of the sample (95%)."""


@dataclass(frozen=True)
class Exchange:
    """The best set in which one chosen layer is replaced, by position on the card.

    Attributes
    ----------
    out : int
        The chosen layer that leaves.
    into : int or None
        The layer that takes its place; ``None`` where the budget admits none.
    layers : tuple of int
        What is then adapted.
    loss : float
        Gain that is lost, nats per completion token.
    error : float or None
        Its paired jackknife standard error.
    """

    out: int
    into: int | None
    layers: tuple[int, ...]
    loss: float
    error: float | None

    @property
    def leads(self) -> bool | None:
        """Whether the loss is beyond the sampling error; ``None`` where that is not known."""
        return None if self.error is None else self.loss > SURE * self.error

    def to_dict(self, indices: Sequence[int]) -> dict[str, Any]:
        """JSON mapping; ``indices`` are the block index of each position."""
        return {
            "layer": indices[self.out],
            "by": None if self.into is None else indices[self.into],
            "loss": self.loss,
            "loss_error": self.error,
            "leads": self.leads,
        }


def exchanges(
    model: Predictor, budget: Budget, chosen: tuple[int, ...], candidates: tuple[int, ...]
) -> tuple[Exchange, ...]:
    """The best exchange of every chosen layer that the budget admits, in their order.

    Parameters
    ----------
    model : Predictor
        Of the gains.
    budget : Budget
    chosen, candidates : tuple of int
        Positions.
    """
    count = model.quadratic.layers
    system = ConditionalSystem.of(model.quadratic, tuple(range(count)))
    others = sorted(set(candidates) - set(chosen))
    gain = model.quadratic.gain(chosen)
    found: list[Exchange] = []
    for out in chosen:
        rest = tuple(layer for layer in chosen if layer != out)
        fits = tuple(layer for layer in others if budget.admits((*rest, layer)))
        if fits:
            into, value = best_addition(system, rest, fits, np.ones(count))
            layers = tuple(sorted((*rest, into)))
        elif rest and budget.cost is not None:
            into, layers, value = None, rest, model.quadratic.gain(rest)
        else:
            continue
        error = model.gain_error(chosen, layers)
        found.append(Exchange(out, into, layers, gain - value, error))
    return tuple(found)

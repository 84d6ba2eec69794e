"""Placements that no other beats in both gain and cost."""

from dataclasses import dataclass
from typing import Any

from realmodel.card.layer_card import LayerCard
from realmodel.card.pilot import Forecast
from realmodel.card.predictor import Predictor
from theory.choice.pareto_front import pareto_front


@dataclass(frozen=True)
class FrontPoint:
    """One placement on the Pareto front.

    Attributes
    ----------
    layers : tuple of int
        Block indices, ascending.
    gain : float
        Predicted, nats per completion token.
    gain_error : float or None
        Its jackknife standard error; ``None`` where the card has no replicates.
    forecast : Forecast or None
        The gain calibrated by the card's pilot, with an 80% interval; ``None`` without one.
    costs : dict
        Of :meth:`realmodel.card.DeviceCosts.record`.
    """

    layers: tuple[int, ...]
    gain: float
    gain_error: float | None
    forecast: Forecast | None
    costs: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return {
            "layers": list(self.layers),
            "gain": self.gain,
            "gain_error": self.gain_error,
            "forecast": None if self.forecast is None else self.forecast.to_dict(),
            "costs": self.costs,
        }


def front_point(
    card: LayerCard, positions: tuple[int, ...], predictor: Predictor | None = None
) -> FrontPoint:
    """The record of one placement, given by positions."""
    predictor = predictor or card.predictor()
    return FrontPoint(
        layers=tuple(card.indices[position] for position in positions),
        gain=predictor.quadratic.gain(positions),
        gain_error=predictor.gain_error(positions),
        forecast=card.forecast(predictor, positions),
        costs=card.costs.record(positions),
    )


def frontier(
    card: LayerCard, kind: str, predictor: Predictor | None = None
) -> tuple[FrontPoint, ...]:
    """Pareto front of predicted gain against one of the card's costs, cheapest first.

    Parameters
    ----------
    card : LayerCard
    kind : str
        Name of a cost: ``time``, ``memory``, ``serving`` or ``parameters``.
    predictor : Predictor, optional
        Of the gains; the card's best by default.
    """
    predictor = predictor or card.predictor()
    found = pareto_front(predictor.quadratic, card.costs.of(kind))
    return tuple(front_point(card, placement.layers, predictor) for placement in found)

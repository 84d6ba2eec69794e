"""Placements that no other beats in both gain and cost."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from realmodel.card.layer_card import LayerCard
from realmodel.card.pilot import Forecast
from realmodel.card.predictor import Predictor
from theory.choice.greedy import TIE
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
        return asdict(self)


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
    card: LayerCard,
    kind: str,
    predictor: Predictor | None = None,
    sets: Sequence[tuple[int, ...]] | None = None,
    candidates: Sequence[int] | None = None,
) -> tuple[FrontPoint, ...]:
    """Pareto front of predicted gain against one of the card's costs, cheapest first.

    Parameters
    ----------
    card : LayerCard
    kind : str
        Name of a cost: ``time``, ``memory``, ``serving`` or ``parameters``.
    predictor : Predictor, optional
        Of the gains; the card's best by default.
    sets : sequence of tuple of int, optional
        Positions; the front among these sets alone.
    candidates : sequence of int, optional
        Positions to choose from; all by default.
    """
    predictor = predictor or card.predictor()
    if sets is not None:
        return tuple(
            front_point(card, chosen, predictor) for chosen in _front(sets, card, kind, predictor)
        )
    found = pareto_front(predictor.quadratic, card.costs.of(kind), candidates=candidates)
    return tuple(front_point(card, placement.layers, predictor) for placement in found)


def _front(
    sets: Sequence[tuple[int, ...]], card: LayerCard, kind: str, predictor: Predictor
) -> Iterator[tuple[int, ...]]:
    """Those of the sets that gain more than every cheaper one."""
    cost, best = card.costs.of(kind), 0.0
    priced = sorted((cost.of(chosen), -predictor.quadratic.gain(chosen), chosen) for chosen in sets)
    for _, negative, chosen in priced:
        if -negative > best * (1 + TIE):
            best = -negative
            yield chosen

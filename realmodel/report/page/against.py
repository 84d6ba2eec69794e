"""The table that sets the recommended layers against others of their number, trained or not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from realmodel.card.warnings import is_forecast
from realmodel.placement.rivals import Rival, rivals
from realmodel.report.level import Level
from realmodel.runs.numbers import number

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard
    from realmodel.placement.place import Choice

NAMES = {
    "recommended": "recommended",
    "runner-up": "runner-up",
    "first": "first {size}",
    "last": "last {size}",
    "uniform": "uniform {size}",
    "random": "random {size}, mean",
}


@dataclass(frozen=True)
class Mark:
    """A trained gain on the axis."""

    at: float
    text: str
    same_run: bool


@dataclass(frozen=True)
class Row:
    """One placement: texts, and where its bar, its range and its marks end, in percent."""

    name: str
    layers: str
    predicted: str
    difference: str
    bar: float
    low: float
    high: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Against:
    """The rows, the unit of their axis and its end in it, and the recommended layers' interval."""

    rows: tuple[Row, ...]
    unit: str
    end: float
    forecast: bool
    reference: float
    interval: tuple[float, float]

    @property
    def trained(self) -> bool:
        """Whether any of them was trained."""
        return any(row.marks for row in self.rows)


def against(card: "LayerCard", choice: "Choice") -> Against:
    """The choice against its rivals, with every placement of the card that was trained.

    Gains are in nats per token where the model's level can come true. Where it cannot, both the
    predicted and the trained ones are shares of the recommended layers'.

    Parameters
    ----------
    card : LayerCard
    choice : Choice
        Made on this card.
    """
    level = Level.of(card, choice.predictor, choice.best.gain)
    found = list(rivals(card, choice))
    forecast = is_forecast(card, choice.predictor)
    runs = {tuple(run["layers"]): run for run in card.measured if run.get("gain") is not None}
    seen = {rival.layers for rival in found}
    found += [_trained(card, choice, own) for own in runs if own not in seen]
    found = [
        replace(
            rival,
            gain=level.gain(rival.gain),
            low=level.gain(rival.low),
            high=level.gain(rival.high),
        )
        for rival in found
    ]
    recommended = found[0]
    reference = recommended.gain if recommended.gain > 0 else 1.0
    own = runs.get(choice.best.layers, {}).get("gain")
    predicted_unit = 1.0 if forecast else reference
    trained_unit = 1.0 if forecast else own if own and own > 0 else None
    gains = [rival.high / predicted_unit for rival in found]
    if trained_unit is not None:
        gains += [run["gain"] / trained_unit for run in runs.values()]
    end = max([*gains, 1e-12])
    size = len(choice.best.layers)
    rows = tuple(
        Row(
            name=NAMES.get(rival.name, rival.name).format(size=size),
            layers="" if rival.layers is None else ", ".join(map(str, rival.layers)),
            predicted=number(rival.gain) if forecast else f"{rival.gain / reference:.0%}",
            difference="" if rival is recommended else _difference(rival.gain, reference),
            bar=_percent(rival.gain / predicted_unit, end),
            low=_percent(rival.low / predicted_unit, end),
            high=_percent(rival.high / predicted_unit, end),
            marks=tuple(_marks(runs.get(rival.layers or ()), trained_unit, end)),
        )
        for rival in found
    )
    unit = "nats per token" if forecast else "as a share of the recommended layers' gain"
    interval = (recommended.low, recommended.high)
    return Against(rows, unit, end, forecast, reference, interval)


def _trained(card: "LayerCard", choice: "Choice", layers: tuple[int, ...]) -> Rival:
    positions = card.positions(layers)
    gain = card.predictor(choice.predictor).quadratic.gain(positions)
    name = f"all {len(layers)}" if layers == card.indices else f"trained {len(layers)}"
    return Rival(name, layers, gain, gain, gain)


def _marks(run: "dict[str, Any] | Any", unit: float | None, end: float) -> Iterator[Mark]:
    if not run:
        return
    error = "" if run.get("gain_error") is None else f" ± {number(run['gain_error'])}"
    reason = run.get("not_comparable")
    text = f"{number(run['gain'])}{error}" + ("" if reason is None else f" (another run: {reason})")
    at = 0.0 if unit is None else _percent(run["gain"] / unit, end)
    yield Mark(at, text, reason is None)


def _percent(value: float, end: float) -> float:
    return round(100 * min(max(value / end, 0.0), 1.0), 3)


def _difference(gain: float, reference: float) -> str:
    """Against the recommended layers, in percent with its sign."""
    share = 100 * (gain / reference - 1)
    return f"{share:+.1f}%" if abs(share) < 9.95 else f"{share:+.0f}%"

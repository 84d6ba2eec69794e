"""Ours: the tangent model at the start, its level set by a pilot, its order by single layers."""

from collections.abc import Sequence
from dataclasses import dataclass

from realmodel.card.pilot import SPREAD, Forecast, Pilot
from realmodel.card.pilot_runs import make_trials
from realmodel.card.predictor import Predictor
from realmodel.card.saturation import Saturation
from realmodel.card.trials import SPREAD as TRIED_SPREAD
from realmodel.card.trials import Trials
from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, JointGain
from realmodel.measure.attention import attention
from realmodel.measure.tangent.alignment import kernel_alignment

TRIALS = 10
"""Single layers that are trained, spread over the depth."""


@dataclass(frozen=True)
class Piloted:
    """The card's forecast: it orders as its model does.

    Parameters
    ----------
    model : Predictor
    pilot : Pilot
        One that refuses forecasts nothing, of every placement.
    layers : tuple of int
        Of the model's blocks.
    curve : Saturation, optional
        Of a model other than the tangent model.
    spread : float
        What its forecasts are wrong by.
    """

    model: Predictor
    pilot: Pilot
    layers: tuple[int, ...]
    curve: Saturation | None = None
    spread: float = SPREAD

    def value(self, layers: Sequence[int]) -> float:
        """Nats per completion token."""
        found = self._forecast(layers)
        return 0.0 if found is None else found.gain

    def interval(self, layers: Sequence[int]) -> tuple[float, float]:
        """The forecast's 80% interval."""
        found = self._forecast(layers)
        return (0.0, 0.0) if found is None else (found.low, found.high)

    def pick(self, size: int) -> tuple[int, ...]:
        """As the model's: a larger promise is a larger forecast."""
        return JointGain(self.model.quadratic, self.layers, "exact").pick(size)

    def _forecast(self, layers: Sequence[int]) -> Forecast | None:
        at = tuple(self.layers.index(layer) for layer in layers)
        promised, error = self.model.quadratic.gain(at), self.model.gain_error(at)
        return self.pilot.forecast(promised, error, curve=self.curve, spread=self.spread)


def score(context: Context) -> Piloted:
    """By the runs that a card makes, on the sequences that were measured."""
    return Piloted(context.tangent, context.pilot, context.layers)


def tried(context: Context) -> Piloted:
    """The same with runs of single layers besides, as of a card with trials."""
    tangent, pilot = context.tangent, context.pilot
    if pilot.refusal is not None:
        return score(context)
    checkpoint, table = context.runs_on, context.table
    with attention(checkpoint.model, "sdpa"):
        runs = make_trials(checkpoint, context.encoded, table, tangent, context.protocol, TRIALS)
    alignment = kernel_alignment(context.statistics.tangent())
    trials = Trials(runs, pilot.whole, tangent, alignment)
    return Piloted(trials.predictor, pilot, context.layers, trials.saturation, TRIED_SPREAD)


BASELINES = (
    Baseline(
        "pilot",
        "Tangent at the start, with a pilot (ours)",
        "this project: the forecast of a card (docs/forecast.md)",
        "pilot",
        score,
        predicts_gain=True,
    ),
    Baseline(
        "trials",
        "Tangent at the start, with a pilot and ten single layers (ours)",
        "this project: the forecast of a card with trials (docs/forecast.md)",
        "pilot",
        tried,
        predicts_gain=True,
    ),
)

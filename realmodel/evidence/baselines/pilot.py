"""Ours: the tangent model at the start, its level set by a pilot of two short runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from realmodel.card.pilot import Pilot
from realmodel.card.pilot_runs import make_pilot
from realmodel.card.predictor import Predictor
from realmodel.card.tangent_model import tangent_model
from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, JointGain
from realmodel.measure.attention import attention
from realmodel.model.modules import ModuleTable


@dataclass(frozen=True)
class Piloted:
    """The card's forecast: it orders as the tangent model does.

    Parameters
    ----------
    tangent : Predictor
    pilot : Pilot
        One that refuses forecasts nothing, of every placement.
    layers : tuple of int
        Of the tangent model's blocks.
    """

    tangent: Predictor
    pilot: Pilot
    layers: tuple[int, ...]

    def value(self, layers: Sequence[int]) -> float:
        """Nats per completion token."""
        found = self.pilot.forecast(self.tangent.quadratic.gain(self._positions(layers)))
        return 0.0 if found is None else found.gain

    def interval(self, layers: Sequence[int]) -> tuple[float, float]:
        """The forecast's 80% interval."""
        at = self._positions(layers)
        promised, error = self.tangent.quadratic.gain(at), self.tangent.gain_error(at)
        found = self.pilot.forecast(promised, error)
        return (0.0, 0.0) if found is None else (found.low, found.high)

    def pick(self, size: int) -> tuple[int, ...]:
        """As the tangent model's: a larger promise is a larger forecast."""
        return JointGain(self.tangent.quadratic, self.layers, "exact").pick(size)

    def _positions(self, layers: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.layers.index(layer) for layer in layers)


def score(context: Context) -> Piloted:
    """By the runs that a card makes, on the sequences that were measured."""
    checkpoint = context.trained or context.checkpoint
    tangent = tangent_model(context.statistics).predictor
    table = ModuleTable(context.modules)
    with attention(checkpoint.model, "sdpa"):
        pilot = make_pilot(checkpoint, context.encoded, table, tangent, context.protocol)
    return Piloted(tangent, pilot, context.layers)


BASELINES = (
    Baseline(
        "pilot",
        "Tangent at the start, with a pilot (ours)",
        "this project: the forecast of a card (docs/forecast.md)",
        "statistics",
        score,
        predicts_gain=True,
    ),
)

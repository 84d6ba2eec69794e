"""What a pilot says of the level: forecasts with an interval, or why there is no ranking."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log, sqrt
from typing import Any, Final

from realmodel.card.saturation import Saturation
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.runs.numbers import number

SPREAD: Final = 0.12
"""Of the logarithm of what came true over the forecast: docs/forecast.md has the measurements."""

KEPT: Final = 0.4
"""Least share of its promise that a run of few layers keeps where steps are useful.

Runs of four or five layers kept 0.73 to 1.8 of it on eleven pairs of model and task, and 0.08 and
0.18 on the two that overshoot (docs/forecast.md).
"""

SHORTER: Final = 0.2
"""Added to that for a pilot of an ``e``-th of the planned steps: ceilings rise with the steps."""

NORMAL_80: Final = 1.2816
"""Standard deviations to either side that hold four fifths of a normal distribution."""

MARGIN: Final = 0.1
"""Share of its gain by which a few layers must beat all of them to be called overshooting."""

SURE: Final = 2.0
"""Standard errors that a gain must be away from nothing, and two gains from each other."""


@dataclass(frozen=True)
class PilotRun:
    """One short run.

    Attributes
    ----------
    layers : tuple of int
        Block indices.
    promised : float
        What the tangent model predicts for this run, nats per completion token.
    gain : float
        Fall of the loss on sequences that it was not trained on, nats per completion token;
        minus the whole loss where the run diverged.
    gain_error : float
        Jackknife standard error over the held-out sequences.
    """

    layers: tuple[int, ...]
    promised: float
    gain: float
    gain_error: float

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return vars(self) | {"layers": list(self.layers)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "PilotRun":
        """Rebuild from the JSON mapping."""
        numbers = (float(record[name]) for name in ("promised", "gain", "gain_error"))
        return cls(tuple(record["layers"]), *numbers)


@dataclass(frozen=True)
class Forecast:
    """What training is expected to gain, nats per completion token, with an 80% interval."""

    gain: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """JSON mapping."""
        return dict(vars(self))


@dataclass(frozen=True)
class Pilot:
    """Two short runs on the card's own sequences: of all layers, and of the recommended ones.

    Attributes
    ----------
    protocol : FinetuneOptions
        Of both runs: the planned one, or its like in fewer steps.
    planned_steps : int
        Of the planned run.
    training, heldout : int
        Sequences that they were trained on and measured on.
    loss : float
        Of the held-out ones before, nats per completion token.
    whole, chosen : PilotRun
        Of all layers, and of the layers that the card recommends.
    """

    protocol: FinetuneOptions
    planned_steps: int
    training: int
    heldout: int
    loss: float
    whole: PilotRun
    chosen: PilotRun

    @property
    def title(self) -> str:
        """How much of the planned run it was, in words."""
        steps, planned = self.protocol.steps, self.planned_steps
        if steps == planned:
            return f"a pilot of {steps} steps"
        return f"a pilot of {steps} of its {planned} steps, so a lower guess"

    @cached_property
    def refusal(self) -> str | None:
        """Why no placement can be ranked for this run, or ``None``.

        Rankings by a model of a small, useful step mean nothing where steps are too large, or where
        the data teach nothing.
        """
        whole, chosen = self.whole, self.chosen
        rate = f"{self.protocol.learning_rate:g}"
        told = (
            f"in a pilot of {self.protocol.steps} steps all layers gained {_told(whole)} nats per "
            f"token and {len(chosen.layers)} of them {_told(chosen)}"
        )
        nothing = (
            f"{told}: the learning rate {rate} overshoots, or there is nothing to learn here. Try "
            "a tenth of that rate, or more examples"
        )
        if all(run.gain <= SURE * run.gain_error for run in (chosen, whole)):
            return nothing
        if chosen.gain < KEPT * min(chosen.promised, self.loss):
            return (
                f"{told}, where a useful step promises {number(chosen.promised)}: the learning "
                f"rate {rate} overshoots. Try a third or a tenth of it"
            )
        error = sqrt(whole.gain_error**2 + chosen.gain_error**2)
        if whole.gain < chosen.gain - max(MARGIN * chosen.gain, SURE * error):
            return (
                f"{told}: more layers gain less, so the learning rate {rate} overshoots. Try a "
                "third or a tenth of it"
            )
        return nothing if min(chosen.promised, chosen.gain, whole.gain) <= 0 else None

    @cached_property
    def saturation(self) -> Saturation | None:
        """From the tangent model's gain to what comes true; ``None`` where the pilot refuses."""
        if self.refusal is not None:
            return None
        some, whole = self.chosen, self.whole
        if len(some.layers) == len(whole.layers):
            return Saturation(whole.gain / whole.promised, inf)
        return Saturation.through((some.promised, some.gain), (whole.promised, whole.gain))

    def forecast(
        self,
        promised: float,
        error: float | None = None,
        *,
        curve: Saturation | None = None,
        spread: float = SPREAD,
    ) -> Forecast | None:
        """What a placement will gain, by its gain in the tangent model of the planned run.

        Parameters
        ----------
        promised : float
            Nats per completion token.
        error : float, optional
            Its standard error.
        curve, spread : Saturation and float, optional
            Of a model other than the tangent model, and what its forecasts are wrong by.

        Returns
        -------
        Forecast or None
            ``None`` where the pilot refuses. The interval joins, on the logarithm, what such
            forecasts were wrong by (``spread``), what fewer steps than planned leave open, the
            pilot's own error, and the sampling error of the promise.
        """
        if self.refusal is not None:
            return None
        curve = curve or self.saturation
        assert curve is not None
        gain = curve.gain(promised)
        if gain <= 0:
            return Forecast(0.0, 0.0, 0.0)
        slope = curve.gain(promised + (error or 0.0)) - gain
        own = self.whole.gain_error / self.whole.gain
        shorter = SHORTER * log(self.planned_steps / self.protocol.steps)
        width = NORMAL_80 * sqrt(spread**2 + shorter**2 + own**2 + (slope / gain) ** 2)
        return Forecast(gain, gain * exp(-width), gain * exp(width))

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        curve = self.saturation
        return {
            "protocol": self.protocol.planned(),
            "planned_steps": self.planned_steps,
            "training": self.training,
            "heldout": self.heldout,
            "loss": self.loss,
            "runs": [self.whole.to_dict(), self.chosen.to_dict()],
            "rate": None if curve is None else curve.rate,
            "ceiling": None if curve is None or curve.ceiling == inf else curve.ceiling,
            "refusal": self.refusal,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Pilot":
        """Rebuild from the JSON mapping; what follows from the runs is made anew."""
        return cls(
            FinetuneOptions.from_planned(record["protocol"]),
            int(record["planned_steps"]),
            int(record["training"]),
            int(record["heldout"]),
            float(record["loss"]),
            *(PilotRun.from_dict(run) for run in record["runs"]),
        )


def _told(run: PilotRun) -> str:
    return f"{number(run.gain)} ± {number(SURE * run.gain_error)}"

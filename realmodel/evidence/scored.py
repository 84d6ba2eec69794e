"""A score evaluated on everything that is fine-tuned, kept on disk with the time that it took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realmodel.evidence.baselines import Baseline, Context, Forecast, JointGain, Score
from realmodel.evidence.prediction import predicted_gains
from realmodel.evidence.run_store import read_object
from realmodel.runs.stopwatch import clock_of
from theory.whole_file import write_json

Placement = tuple[int, ...]


@dataclass(frozen=True)
class Scored:
    """What one score says.

    Parameters
    ----------
    baseline : Baseline
        The score.
    values : mapping
        Value of every placement.
    picks : mapping
        By size the placement that it chooses freely among all of that size.
    intervals : mapping
        By placement the 80% interval of the gain, where the score has one.
    predictions : sequence of mapping
        Joint gain, sum and bounds of every placement, where a quadratic stands behind the score.
    seconds : float
        What it needs and the score itself take: of the processor, or by the wall on a device.
    """

    baseline: Baseline
    values: Mapping[Placement, float]
    picks: Mapping[int, Placement]
    intervals: Mapping[Placement, tuple[float, float]] = field(
        default_factory=dict[Placement, tuple[float, float]]
    )
    predictions: Sequence[Mapping[str, Any]] = ()
    seconds: float = 0.0

    @classmethod
    def of(
        cls,
        baseline: Baseline,
        context: Context,
        *,
        placements: Sequence[Placement],
        sizes: Sequence[int],
        seconds_before: float,
    ) -> "Scored":
        """Evaluate; the clock runs for the score and its picks, not for the comparison's values."""
        clock = clock_of(context.checkpoint.model.device)
        start = clock()
        score: Score = baseline.score(context)
        picks = {size: score.pick(size) for size in sizes}
        seconds = seconds_before + clock() - start
        intervals: dict[Placement, tuple[float, float]] = {}
        if isinstance(score, Forecast):
            intervals = {chosen: score.interval(chosen) for chosen in placements}
        predictions: list[dict[str, Any]] = []
        if isinstance(score, JointGain):
            predictions = predicted_gains(score.quadratic, score.layers, placements)
        return cls(
            baseline,
            {chosen: float(score.value(chosen)) for chosen in placements},
            picks,
            intervals,
            predictions,
            seconds,
        )

    def save(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Keep it, with what it belongs to."""
        record = {
            "identity": dict(identity),
            "values": [[list(layers), value] for layers, value in self.values.items()],
            "picks": [[size, list(layers)] for size, layers in self.picks.items()],
            "intervals": [[list(layers), *ends] for layers, ends in self.intervals.items()],
            "predictions": list(self.predictions),
            "seconds": self.seconds,
        }
        write_json(path, record)

    @classmethod
    def load(cls, path: Path, baseline: Baseline, identity: Mapping[str, Any]) -> "Scored | None":
        """What was kept, or ``None`` where nothing was or it belongs to something else."""
        if not path.exists():
            return None
        record = read_object(path)
        if record["identity"] != identity:
            return None
        return cls(
            baseline,
            {tuple(layers): value for layers, value in record["values"]},
            {size: tuple(layers) for size, layers in record["picks"]},
            {tuple(layers): (low, high) for layers, low, high in record["intervals"]},
            record["predictions"],
            record["seconds"],
        )

"""What the scores look at, measured once when the first of them asks, with the time it took."""

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from realmodel.evidence.baselines import Context, Need
from realmodel.evidence.options import CompareOptions
from realmodel.evidence.run_store import read_object
from realmodel.evidence.task import Task
from realmodel.measure.gauss_newton import GaussNewton, residual_gauss_newton
from realmodel.measure.measurement import Measurement
from realmodel.measure.one_pass import one_pass
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import ModuleTable
from realmodel.runs.stopwatch import clock_of
from theory import BlockQuadratic
from theory.whole_file import write_json


@dataclass(frozen=True)
class Measured:
    """Statistics, and the Gauss-Newton model where it is asked for, of the training sequences.

    Parameters
    ----------
    checkpoint, trained : Checkpoint
        In the arithmetic of the scores, and in that of the runs.
    task : Task
    table : ModuleTable
    options : CompareOptions
    folder : Path
        Where the measurements and the seconds that they took are kept.
    """

    checkpoint: Checkpoint
    trained: Checkpoint
    task: Task
    table: ModuleTable
    options: CompareOptions
    folder: Path

    @property
    def identity(self) -> dict[str, Any]:
        """What a score belongs to."""
        options = self.options.to_dict()
        names = ["seed", "exact_curvature"]
        if self.options.exact_curvature:
            names += ["directions", "curvature_samples", "damping"]
        return {
            "layercard": version("layercard"),
            "protocol": self.task.protocol(self.checkpoint, self.options),
            "arithmetic": [self.checkpoint.dtype, self.trained.dtype],
            "modules": [module.name for module in self.table.modules],
            "options": {name: options[name] for name in names},
        }

    @cached_property
    def context(self) -> Context:
        """For the scores."""
        return Context(
            checkpoint=self.checkpoint,
            statistics=self.statistics,
            quadratic=self.quadratic,
            encoded=self.task.training,
            protocol=self.options.finetune,
            seed=self.options.seed,
            trained=self.trained,
        )

    @cached_property
    def statistics(self) -> Measurement:
        """Moments, gradients, and the rows of the tangent model: the one pass of a card."""
        path = self.folder / "statistics.safetensors"
        if path.exists() and self._known("statistics"):
            return Measurement.load(path, model=self.checkpoint.digest)
        clock = clock_of(self.checkpoint.model.device)
        start = clock()
        found = one_pass(
            self.checkpoint,
            self.task.training,
            self.table,
            protocol=self.options.finetune,
            # Directions are chosen on one half of the groups; the scores need the mean alone.
            groups=None if self.options.exact_curvature else 1,
            seed=self.options.seed,
        )
        self._keep("statistics", clock() - start)
        found.save(path)
        return found

    @cached_property
    def quadratic(self) -> BlockQuadratic | None:
        """The joint Gauss-Newton model, a block for each layer."""
        options = self.options
        if not options.exact_curvature:
            return None
        path = self.folder / f"{self._quadratic_name}.safetensors"
        if path.exists() and self._known(self._quadratic_name):
            found = GaussNewton.load(path, model=self.checkpoint.digest)
        else:
            clock = clock_of(self.checkpoint.model.device)
            start = clock()
            found = residual_gauss_newton(
                self.checkpoint, self.task.training, self.statistics, options.curvature
            )
            self._keep(self._quadratic_name, clock() - start)
            found.save(path)
        return found.damped(options.curvature.damping).by_layer()

    def seconds(self, need: Need) -> float:
        """Seconds of what a score needs, as measured when it was taken."""
        if need in ("nothing", "weights", "sequences"):
            return 0.0
        _ = self.statistics
        seconds = float(self._times["statistics"]["seconds"])
        if need == "quadratic":  # its directions come from the statistics
            _ = self.quadratic
            seconds += float(self._times[self._quadratic_name]["seconds"])
        return seconds + self._pilot_seconds if need == "pilot" else seconds

    @cached_property
    def _pilot_seconds(self) -> float:
        clock = clock_of(self.checkpoint.model.device)
        start = clock()
        _ = self.context.pilot
        return clock() - start

    @property
    def _quadratic_name(self) -> str:
        how = self.options.curvature
        return f"gauss-newton-{how.directions}-{how.curvature_samples}"

    @cached_property
    def _times(self) -> dict[str, Any]:
        path = self.folder / "seconds.json"
        return read_object(path) if path.exists() else {}

    def _origin(self, name: str) -> dict[str, Any]:
        """What decides the numbers of a kept measurement, besides what its name says."""
        identity = self.identity
        whole = name == "statistics"
        return {
            "layercard": identity["layercard"],
            "protocol": identity["protocol"],
            "arithmetic": self.checkpoint.dtype,
            "modules": identity["modules"],
            "seed": self.options.seed,
            "groups": "one" if whole and not self.options.exact_curvature else "all",
        }

    def _known(self, name: str) -> bool:
        """Whether what is kept under a name was measured as it would be now."""
        kept = self._times.get(name)
        return isinstance(kept, dict) and kept.get("of") == self._origin(name)

    def _keep(self, name: str, seconds: float) -> None:
        self._times[name] = {"seconds": seconds, "of": self._origin(name)}
        write_json(self.folder / "seconds.json", self._times)

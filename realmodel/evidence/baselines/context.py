"""What a score may look at: measured when the first score asks, with the time that it took."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from realmodel.card.pilot import Pilot
from realmodel.card.pilot_runs import make_pilot
from realmodel.card.predictor import Predictor
from realmodel.card.tangent_model import tangent_model
from realmodel.evidence.options import CompareOptions
from realmodel.evidence.run_store import read_object
from realmodel.finetuning import FinetuneOptions
from realmodel.finetuning.run import data_digest
from realmodel.measure.attention import attention
from realmodel.measure.gauss_newton import GaussNewton, residual_gauss_newton
from realmodel.measure.measurement import Measurement
from realmodel.measure.one_pass import one_pass
from realmodel.measure.random_subset import random_subset
from realmodel.model.batches import EncodedExample, batches, completion_loss
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import AdaptedModule, ModuleTable
from realmodel.runs.stopwatch import clock_of
from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64
from theory.whole_file import write_json

Need = Literal["nothing", "weights", "statistics", "pilot", "sequences", "quadratic"]
"""The dearest thing a score asks for; the comparison adds the cost of getting it."""


@dataclass(frozen=True)
class Context:
    """A model and the sequences that it is trained on.

    Parameters
    ----------
    checkpoint : Checkpoint
        For the weights, and for scores that run the model themselves.
    table : ModuleTable
        What is measured.
    encoded : tuple of EncodedExample
        The sequences to measure on.
    options : CompareOptions
        The comparison's.
    folder : Path
        Where the measurements and the seconds that they took are kept.
    trained : Checkpoint or None
        The checkpoint in the arithmetic of the runs, where that is another one.
    """

    checkpoint: Checkpoint
    table: ModuleTable
    encoded: tuple[EncodedExample, ...]
    options: CompareOptions
    folder: Path
    trained: Checkpoint | None = None

    @property
    def modules(self) -> tuple[AdaptedModule, ...]:
        """The measured modules, in forward order."""
        return self.table.modules

    @property
    def layers(self) -> tuple[int, ...]:
        """Their layers, ascending."""
        return self.table.layers

    @property
    def blocks(self) -> dict[int, str]:
        """By layer the full name of its transformer block."""
        blocks = {
            module.layer: module.name.removesuffix(f".{module.kind}") for module in self.modules
        }
        return dict(sorted(blocks.items()))

    @property
    def protocol(self) -> FinetuneOptions:
        """Of the runs whose gain is to be predicted."""
        return self.options.finetune

    @property
    def seed(self) -> int:
        """Of random scores."""
        return self.options.seed

    @property
    def runs_on(self) -> Checkpoint:
        """The checkpoint in the arithmetic of the runs."""
        return self.trained or self.checkpoint

    @cached_property
    def statistics(self) -> Measurement:
        """Moments, gradients, and the rows of the tangent model: the one pass of a card."""
        path = self.folder / "statistics.safetensors"
        # Directions are chosen on one half of the groups; the scores need the mean alone.
        exact = self.options.exact_curvature
        if path.exists() and self._known("statistics"):
            kept = Measurement.load(path, model=self.checkpoint.digest)
            if kept.options.groups > 1 or not exact:
                return kept
        start = self._clock()
        found = one_pass(
            self.checkpoint,
            self.encoded,
            self.table,
            protocol=self.protocol,
            groups=None if exact else 1,
            seed=self.seed,
        )
        self._keep("statistics", self._clock() - start)
        found.save(path)
        return found

    @cached_property
    def quadratic(self) -> BlockQuadratic:
        """The joint Gauss-Newton model with one block per layer, in the order of :attr:`layers`.

        Raises
        ------
        InputError
            When the comparison does not measure it.
        """
        how = self.options.curvature
        if not self.options.exact_curvature:
            raise InputError("this score needs the Gauss-Newton model; it was not measured")
        path = self.folder / f"{self._quadratic_name}.safetensors"
        if path.exists() and self._known(self._quadratic_name):
            found = GaussNewton.load(path, model=self.checkpoint.digest)
        else:
            statistics = self.statistics
            start = self._clock()
            found = residual_gauss_newton(self.checkpoint, self.encoded, statistics, how)
            self._keep(self._quadratic_name, self._clock() - start)
            found.save(path)
        return found.damped(how.damping).by_layer()

    @cached_property
    def tangent(self) -> Predictor:
        """The card's model of the runs, one block per layer."""
        return tangent_model(self.statistics).predictor

    @cached_property
    def pilot(self) -> Pilot:
        """The card's two short runs on the sequences; trained once for all scores that ask.

        Raises
        ------
        InputError
            Where :func:`realmodel.card.pilot_runs.make_pilot` does.
        """
        with attention(self.runs_on.model, "sdpa"):
            return make_pilot(self.runs_on, self.encoded, self.table, self.tangent, self.protocol)

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

    def drawn(self, count: int) -> list[EncodedExample]:
        """At most ``count`` of the sequences, at random."""
        return [self.encoded[at] for at in random_subset(len(self.encoded), count, self.seed)]

    def sequence_gradients(
        self, parameters: Sequence[torch.Tensor], count: int
    ) -> Iterator[tuple[torch.Tensor | None, ...]]:
        """Of at most ``count`` sequences, each by itself: of its mean loss, with the data's labels.

        ``None`` where the loss does not depend on a parameter.
        """
        required = [parameter.requires_grad for parameter in parameters]
        try:
            for parameter in parameters:
                parameter.requires_grad_(True)
            for batch in batches(self.drawn(count), batch_size=1, pad_id=0):
                moved = batch.to(parameters[0].device)
                loss, tokens = completion_loss(self.checkpoint.model, moved)
                yield torch.autograd.grad(loss / tokens, parameters, allow_unused=True)
        finally:
            for parameter, before in zip(parameters, required, strict=True):
                parameter.requires_grad_(before)

    def weight(self, module: AdaptedModule) -> Float64[Array, "m d"]:
        """The module's weight, outputs first, in float64."""
        weight: Any = self.checkpoint.model.get_submodule(module.name).weight
        array = weight.detach().cpu().double().numpy()
        return array.T if module.transposed else array

    def by_layer(self, values: Mapping[str, float], reduce: str) -> dict[int, float]:
        """Combine values per module name into values per layer.

        Parameters
        ----------
        values : mapping of str to float
            By module name.
        reduce : {"root-sum-square", "sum", "mean"}
            How a layer's value follows from its modules'.
        """
        functions = {
            "root-sum-square": lambda v: float(np.sqrt(np.sum(np.square(v)))),
            "sum": lambda v: float(np.sum(v)),
            "mean": lambda v: float(np.mean(v)),
        }
        return {
            layer: functions[reduce]([values[m.name] for m in self.modules if m.layer == layer])
            for layer in self.layers
        }

    @cached_property
    def _pilot_seconds(self) -> float:
        start = self._clock()
        _ = self.pilot
        return self._clock() - start

    @property
    def _quadratic_name(self) -> str:
        how = self.options.curvature
        return f"gauss-newton-{how.directions}-{how.curvature_samples}"

    def _clock(self) -> float:
        return clock_of(self.checkpoint.model.device)()

    @cached_property
    def _times(self) -> dict[str, Any]:
        path = self.folder / "seconds.json"
        return read_object(path) if path.exists() else {}

    @property
    def _origin(self) -> dict[str, Any]:
        """What decides the numbers of a kept measurement, besides what its name says."""
        return {
            "layercard": version("layercard"),
            "data": data_digest(self.encoded),
            "protocol": self.protocol.to_dict(),
            "arithmetic": self.checkpoint.dtype,
            "modules": [module.name for module in self.modules],
            "seed": self.seed,
        }

    def _known(self, name: str) -> bool:
        """Whether what is kept under a name was measured as it would be now."""
        kept = self._times.get(name)
        return isinstance(kept, dict) and kept.get("of") == self._origin

    def _keep(self, name: str, seconds: float) -> None:
        self._times[name] = {"seconds": seconds, "of": self._origin}
        write_json(self.folder / "seconds.json", self._times)

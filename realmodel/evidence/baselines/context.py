"""What a score may look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from realmodel.card.pilot import Pilot
from realmodel.card.pilot_runs import make_pilot
from realmodel.card.predictor import Predictor
from realmodel.card.tangent_model import tangent_model
from realmodel.finetuning import FinetuneOptions
from realmodel.measure.attention import attention
from realmodel.measure.measurement import Measurement
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import AdaptedModule, ModuleTable
from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64

Need = Literal["nothing", "weights", "statistics", "pilot", "sequences", "quadratic"]
"""The dearest thing a score asks for; the comparison adds the cost of getting it."""


@dataclass(frozen=True)
class Context:
    """A model on a task, measured.

    Parameters
    ----------
    checkpoint : Checkpoint
        For the weights, and for scores that run the model themselves.
    statistics : Measurement
        Second moments and mean gradients of every module.
    quadratic : BlockQuadratic or None
        The joint Gauss-Newton model with one block per layer, in the order of :attr:`layers`.
    encoded : tuple of EncodedExample
        The sequences that were measured.
    protocol : FinetuneOptions
        Of the runs whose gain is to be predicted.
    seed : int
        Of random scores.
    trained : Checkpoint or None
        The checkpoint in the arithmetic of the runs, for scores that run a few steps themselves.
    """

    checkpoint: Checkpoint
    statistics: Measurement
    quadratic: BlockQuadratic | None = None
    encoded: tuple[EncodedExample, ...] = ()
    protocol: FinetuneOptions = field(default_factory=FinetuneOptions)
    seed: int = 0
    trained: Checkpoint | None = None

    @property
    def modules(self) -> tuple[AdaptedModule, ...]:
        """The measured modules, in forward order."""
        return self.statistics.modules

    @property
    def layers(self) -> tuple[int, ...]:
        """Their layers, ascending."""
        return tuple(sorted({module.layer for module in self.modules}))

    @property
    def runs_on(self) -> Checkpoint:
        """The checkpoint in the arithmetic of the runs."""
        return self.trained or self.checkpoint

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
        table = ModuleTable(self.modules)
        with attention(self.runs_on.model, "sdpa"):
            return make_pilot(self.runs_on, self.encoded, table, self.tangent, self.protocol)

    def weight(self, module: AdaptedModule) -> Float64[Array, "m d"]:
        """The module's weight, outputs first, in float64."""
        weight: Any = self.checkpoint.model.get_submodule(module.name).weight
        array = weight.detach().cpu().double().numpy()
        return array.T if module.transposed else array

    def joint_quadratic(self) -> BlockQuadratic:
        """The Gauss-Newton model.

        Raises
        ------
        InputError
            When it was not measured.
        """
        if self.quadratic is None:
            raise InputError("this score needs the Gauss-Newton model; it was not measured")
        return self.quadratic

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

"""The exact Gauss-Newton curvature of a card that asks for it, by layer and by module."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realmodel.card.block_statistics import Gains
from realmodel.card.options import CardOptions
from realmodel.card.predictor import Predictor
from realmodel.measure.gauss_newton import GaussNewton, residual_gauss_newton
from realmodel.measure.measurement import Measurement
from realmodel.measure.replicates import Replicates
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint


@dataclass(frozen=True)
class ExactCurvature:
    """The layers' model, and what each module and each layer gains alone."""

    predictor: Predictor
    gains: Gains


def exact_curvature(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedExample],
    measurement: Measurement,
    options: CardOptions,
    work_dir: str | Path | None,
    progress: Callable[[int, int], None],
) -> ExactCurvature:
    """Measure it along the modules' residuals, and read off what each gains alone."""
    measured = residual_gauss_newton(
        checkpoint,
        encoded,
        measurement,
        options.curvature,
        ridge=options.ridge,
        batch_size=options.one_pass.batch_size,
        work_dir=work_dir,
        seed=options.seed,
        progress=progress,
    )
    apart = _replicates(measured, tuple(range(len(measured.modules))))
    by_module = Predictor("gauss-newton", measured.quadratic, apart)
    replicates = _replicates(measured, measured.layers)
    by_layer = Predictor("gauss-newton", measured.by_layer(), replicates)
    layers = sorted(set(measured.layers))
    return ExactCurvature(
        by_layer,
        dict(zip(measurement.names, by_module.single_gains(), strict=True))
        | dict(zip(layers, by_layer.single_gains(), strict=True)),
    )


def _replicates(measured: GaussNewton, labels: Sequence[int]) -> Replicates | None:
    """Modules merged by label, with one group of sequences left out at a time.

    ``None`` with fewer than three groups, which is too few for an error.
    """
    used = np.flatnonzero((measured.gradient_tokens > 0) & (measured.curvature_tokens > 0))
    if len(used) < 3:
        return None
    left_out = [used[used != group] for group in used]
    return Replicates.of([measured.of_groups(kept).regroup(labels) for kept in left_out])

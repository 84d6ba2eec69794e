"""Measure the card's tangent model: what a budget of training steps reaches."""

from collections.abc import Callable, Sequence
from pathlib import Path

from realmodel.card.options import CardOptions
from realmodel.card.predictor import Predictor
from realmodel.measure.tangent import tangent_gain, tangent_quadratic, tangent_replicates
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import AdaptedModule


def tangent_model(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    options: CardOptions,
    work_dir: str | Path | None,
    progress: Callable[[int, int], None],
) -> Predictor | None:
    """``None`` where the options leave it out."""
    if options.tangent_samples == 0:
        return None
    protocol = options.protocol()
    measured = tangent_gain(
        checkpoint,
        encoded,
        modules,
        protocol,
        sequences=options.tangent_samples,
        batch_size=options.batch_size,
        partitions=options.partitions,
        work_dir=work_dir,
        progress=progress,
    )
    return Predictor(
        "tangent",
        tangent_quadratic(measured),
        tangent_replicates(measured),
        {
            "rank": protocol.rank,
            "alpha": protocol.alpha,
            "learning_rate": protocol.learning_rate,
            "steps": protocol.steps,
            "batch_size": protocol.batch_size,
            "sequences": len(measured.tokens),
            "time": measured.time,
        },
    )

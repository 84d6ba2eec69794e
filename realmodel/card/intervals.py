"""Brackets of the gain of whole layers, every weight of them, by Lanczos (8f)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from realmodel.card.options import CardOptions
from realmodel.measure.attention import attention
from realmodel.measure.gauss_newton import layers_interval
from realmodel.measure.measurement import Measurement
from realmodel.measure.random_subset import random_subset
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint
from theory import InputError


def intervals(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedExample],
    measurement: Measurement,
    options: CardOptions,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, Any], ...]:
    """One record for each set of layers that the options ask for."""
    chosen = random_subset(len(encoded), options.curvature.curvature_samples, options.seed)
    sample = [encoded[place] for place in chosen]
    found: list[dict[str, Any]] = []
    for layers in options.intervals:
        with attention(checkpoint.model, "eager"):
            interval = layers_interval(
                checkpoint,
                sample,
                measurement,
                layers,
                options.lanczos,
                ridge=options.ridge,
                batch_size=options.one_pass.batch_size,
            )
        found.append(asdict(interval) | {"layers": list(interval.layers)})
        progress(len(found), len(options.intervals))
    return tuple(found)


def check_intervals(intervals: Sequence[Sequence[int]], layers: Sequence[int]) -> None:
    """Refuse layers that hold no measured module, before anything is measured.

    Raises
    ------
    InputError
        Naming them.
    """
    for wanted in intervals:
        lacking = sorted(set(wanted) - set(layers))
        if lacking or not wanted:
            raise InputError(
                f"interval of layers {list(wanted)}: layers {lacking} hold no measured module; "
                f"the model has layers {layers[0]} to {layers[-1]}"
            )

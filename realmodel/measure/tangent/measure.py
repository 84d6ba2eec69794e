"""Measure the tangent gain of a model on a task."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from realmodel.measure.statistics.measuring import measuring
from realmodel.measure.statistics.plan import PlannedBatch, data_digest, plan_batches
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.gradients import sequence_gradients
from realmodel.measure.tangent.kernel import LayerKernel
from realmodel.measure.tangent.kernel_store import restore_kernels, store_kernels
from realmodel.measure.tangent.midpoint import midpoint
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint, identified
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule
from realmodel.runs import processes
from realmodel.runs.memory_advice import memory_advice
from realmodel.runs.saved_run import SavedRun
from theory import InputError
from theory.arrays import Array, Float64

SEQUENCES = 256
"""Enough for the order of placements."""

DRAW = 7919
"""Seed of the factors that are measured: none that a fine-tuning run uses."""


def tangent_gain(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    protocol: FinetuneOptions,
    *,
    at: Literal["start", "midpoint"] = "start",
    sequences: int = SEQUENCES,
    batch_size: int = 8,
    partitions: int = 1,
    work_dir: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TangentGain:
    """Measure the gain under the protocol that the fine-tuning runs will follow.

    One pass over the sequences, with the data's labels and with the model's; before it another
    one to the midpoint of the run, where the tangent is wanted there (see
    :mod:`realmodel.measure.tangent.midpoint`).

    Parameters
    ----------
    checkpoint_or_model : Checkpoint or causal language model
        Left as it was.
    encoded : sequence of EncodedExample
        The task; the first ``sequences`` are used. Processes started by ``torchrun`` share them.
    modules : sequence of AdaptedModule
        All that could be adapted.
    protocol : FinetuneOptions
        Rank, alpha, learning rate (falling linearly to zero), steps and batch size of the runs.
    at : {"start", "midpoint"}
        Where the tangent is taken. At the start of a run ``A`` has no gradient. The midpoint knows
        both factors, and orders single layers better, but promises more than comes true
        (docs/evidence.md).
    batch_size : int
        Sequences a pass here; no result depends on it beyond rounding.
    partitions : int
        Groups of layers, each with its own passes: the gradients of one group are held at a time,
        ``8 * sequences`` bytes for each parameter of its adapters.
    work_dir : path, optional
        Where finished groups of layers are kept; a killed run continues after them and gives
        bit-identical results.
    progress : callable, optional
        Told the batches done and of how many.

    Raises
    ------
    InputError
        Nothing to measure, partitions out of range, a work folder of another run, or not enough
        memory.
    """
    model, digest = identified(checkpoint_or_model)
    used = list(encoded[:sequences])
    layers = sorted({module.layer for module in modules})
    if not used or not layers:
        raise InputError(f"nothing to measure: {len(used)} sequences, {len(modules)} modules")
    if not 1 <= partitions <= len(layers):
        raise InputError(f"partitions {partitions}: choose 1 to {len(layers)}, the layers measured")
    index, shards = processes.place()
    plan = plan_batches(used, groups=1, batch_size=batch_size, shard=(index, shards))
    identity = {
        "model": digest,
        "data": data_digest(used),
        "protocol": protocol.to_json(),
        "tangent": at,
        "batch size": batch_size,
        "dtype": str(next(model.parameters()).dtype),
    }
    kernels: dict[int, LayerKernel] = {}
    each = len(plan) * (2 if at == "midpoint" else 1)
    with measuring(model), memory_advice("tangent", batch_size):
        for number, chosen in enumerate(np.array_split(np.array(layers), partitions)):
            group = [module for module in modules if module.layer in chosen]
            saved = None
            if work_dir is not None:
                folder = Path(work_dir) / f"shard-{index}-of-{shards}"
                saved = SavedRun(
                    folder / f"tangent-{number}.safetensors",
                    {**identity, "modules": [module.name for module in group]},
                )
            before = number * each
            found = None if saved is None else restore_kernels(saved)
            if found is None:
                start = LoraFactors.drawn(group, protocol, seed=DRAW + protocol.seed)
                found = group_kernels(
                    model,
                    used,
                    plan,
                    start,
                    protocol,
                    at=at,
                    progress=partial(_advance, progress, before, partitions * each),
                )
                if saved is not None:
                    store_kernels(saved, found)
            progress(before + each, partitions * each)
            kernels |= found
    return TangentGain(kernels, completion_tokens(used), protocol.time)


def group_kernels(
    model: Any,
    encoded: Sequence[EncodedExample],
    plan: Sequence[PlannedBatch],
    start: LoraFactors,
    protocol: FinetuneOptions,
    *,
    at: Literal["start", "midpoint"] = "start",
    progress: Callable[[int], None] = lambda done: None,
) -> dict[int, LayerKernel]:
    """Kernels of the layers of ``start``, measured there or at the midpoint of a run from there."""
    factors, before = start, 0
    if at == "midpoint":
        before = len(plan)
        factors = midpoint(
            model,
            encoded,
            plan,
            start,
            batch_size=protocol.batch_size,
            time=protocol.time,
            progress=progress,
        )
    data, sampled = sequence_gradients(
        model,
        encoded,
        plan,
        factors,
        draws=(None, protocol.seed),
        progress=lambda done: progress(before + done),
    )
    tokens = completion_tokens(encoded)
    # One layer's rows at a time in double precision.
    return {
        layer: LayerKernel.from_rows(
            data.pop(layer), sampled.pop(layer), tokens, batch_size=protocol.batch_size
        )
        for layer in sorted(data)
    }


def completion_tokens(encoded: Sequence[EncodedExample]) -> Float64[Array, " n"]:
    """Completion tokens of each sequence."""
    return np.array([float(example.num_completion_tokens) for example in encoded])


def _advance(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)

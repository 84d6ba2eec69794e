"""One forward pass per batch, one backward pass per kind of labels, and all that they tell."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from realmodel.measure.attention import attention
from realmodel.measure.head import Head
from realmodel.measure.measurement import Measurement, Part, PassRecord
from realmodel.measure.partition import Counts, Partition, on_host
from realmodel.measure.pass_options import PassOptions
from realmodel.measure.random_subset import random_groups, random_subset
from realmodel.measure.seen import BatchView
from realmodel.measure.statistics.measuring import measuring
from realmodel.measure.statistics.plan import PlannedBatch, data_digest, plan_batches
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint, identified
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule, ModuleTable
from realmodel.runs import processes
from realmodel.runs.memory_advice import memory_advice
from realmodel.runs.saved_run import SavedRun
from realmodel.runs.tensor_file import TensorFile, write_tensors
from theory import InputError

Progress = Callable[[int, int], None]
"""Told how many batches are done, and of how many."""

GROUPS = 4
"""Gradient groups: the fewest whose jackknife says something; each takes a copy of the weights."""

OutputMoment = Literal["sampled", "empirical", "none"]


def one_pass(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    modules: ModuleTable | Sequence[AdaptedModule],
    options: PassOptions | None = None,
    *,
    protocol: FinetuneOptions | None = None,
    factors: LoraFactors | None = None,
    groups: int | None = None,
    output_moment: OutputMoment = "sampled",
    padding_side: Literal["right", "left"] = "right",
    shard: tuple[int, int] | None = None,
    work_dir: str | Path | None = None,
    save_every: int = 50,
    gradient_checkpointing: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measurement:
    """Stream the data through the model once and keep what the modules see and send back.

    Parameters
    ----------
    checkpoint_or_model
        From :func:`realmodel.model.checkpoint.load_checkpoint`, or a bare transformers model; any
        attention does.
    encoded
        Sequences with labels on the completion; padding and prompts carry no loss.
    modules
        What to measure, from :func:`realmodel.model.modules.find_modules`.
    options
        Batches, samples and memory.
    protocol
        The run whose gain is to be predicted: sequences get rows in the coordinates of its
        adapters. None leaves the tangent model out.
    factors
        Where the adapters are; by default drawn as at a run's start.
    groups
        Groups of sequences whose gradients are kept apart (at least 3 for an error of the
        cross-fitted residual norm); 0 leaves moments and gradients out.
    output_moment
        Gamma from labels sampled by the model, from the data's labels, or not at all.
    shard
        ``(i, n)``: take only the i-th of n disjoint shards of ``encoded``; add the results with
        :func:`realmodel.measure.measurement.merge`. Processes started by ``torchrun`` take one
        shard each by themselves and all return the sum.
    work_dir
        Folder of the running sums; a killed run that is started again with the same input
        continues there and gives bit-identical results.
    save_every
        Batches between two saves of the running sums.
    gradient_checkpointing
        Recompute activations in the backward pass: less memory, a third more time.
    seed
        Of groups, subset and sampled labels.
    progress
        Called after each batch with the batches done and their number.

    Returns
    -------
    Measurement
        In nats per completion token; moments over unpadded positions.

    Raises
    ------
    InputError
        Empty input, options out of range, a work folder of another run, not enough memory, or a
        loss that is not finite.
    """
    options = options or PassOptions()
    batch_size, partitions = options.batch_size, options.partitions
    table = modules.modules if isinstance(modules, ModuleTable) else tuple(modules)
    model, digest = identified(checkpoint_or_model)
    layers = sorted({module.layer for module in table})
    kept_groups = min(GROUPS, len(encoded)) if groups is None else groups
    _check(encoded, table, kept_groups, protocol)
    if save_every < 1:
        raise InputError(f"save_every must be at least 1, got {save_every}")
    if kept_groups and output_moment == "sampled" and options.draws < 1:
        raise InputError(f"draws must be at least 1, got {options.draws}: Gamma is of drawn labels")
    _check_placement(options, layers, work_dir)
    together = processes.active() and shard is None
    index, shards = processes.place() if together else (shard or (0, 1))
    if not 0 <= index < shards:
        raise InputError(f"shard {index} of {shards}: choose 0 to {shards - 1}")
    dtype = next(model.parameters()).dtype
    record = PassRecord(
        groups=kept_groups,
        output_moment=output_moment if kept_groups else "none",
        draws=options.draws,
        protocol=None if protocol is None else protocol.to_dict(),
        rows=0 if protocol is None else min(options.tangent_samples, len(encoded)),
        batch_size=batch_size,
        padding_side=padding_side,
        partitions=partitions,
        seed=seed,
        dtype=str(dtype).removeprefix("torch."),
    )
    part = Part(data_digest(encoded), index, shards)
    places = random_subset(len(encoded), record.rows, seed)
    labels = random_groups(len(encoded), max(1, kept_groups), seed)
    among = None if kept_groups else set(places)
    plan = plan_batches(
        encoded, labels=labels, batch_size=batch_size, shard=(index, shards), among=among
    )
    if not plan:
        raise InputError(
            f"shard {index} of {shards} holds none of {len(encoded)} sequences: take at least "
            f"{max(1, kept_groups) * shards}, or fewer processes"
        )
    row_tokens = tuple(encoded[place].num_completion_tokens for place in places)
    if protocol is not None and factors is None:
        factors = LoraFactors.drawn(table, protocol)
    folder = None if work_dir is None else Path(work_dir) / f"shard-{index}-of-{shards}"
    identity = {
        "layercard": version("layercard"),
        "model": digest,
        "options": asdict(record),
        "part": asdict(part),
        "factors": None if factors is None else factors.digest,
    }
    finished: list[Any] = []
    counts = Counts.zero(max(1, kept_groups))
    with (
        measuring(model, gradient_checkpointing=gradient_checkpointing),
        attention(model, "sdpa"),
        memory_advice("one pass", batch_size),
    ):
        head = _head(model, encoded, padding_side)
        for number, chosen in enumerate(np.array_split(np.array(layers), partitions)):
            own = [module for module in table if module.layer in chosen]
            partition = Partition(
                own, record, factors, places, device=None if options.offload == "none" else "cpu"
            )
            partition.start(torch.promote_types(dtype, torch.float32), folder)
            saved, done = None, 0
            if folder is not None:
                path = folder / f"partition-{number}.safetensors"
                names = [module.name for module in own]
                saved = SavedRun(path, {**identity, "modules": names})
                done = partition.resume(saved, model.device)
            for position in range(done, len(plan)):
                batch = plan[position].padded(encoded, padding_side, model.device)
                partition.add(model, head, BatchView(batch, plan[position].group))
                last = position + 1 == len(plan)
                if saved and (last or (position + 1) % save_every == 0):
                    partition.store(saved, position + 1)
                if progress is not None:
                    progress(number * len(plan) + position + 1, partitions * len(plan))
            partition.check_reached()
            if together:
                processes.sum_over_processes(
                    partition.sums[name] for name in sorted(partition.sums)
                )
            if protocol is not None and shard is None:
                partition.form_kernels(row_tokens, protocol.batch_size, model.device)
            counts = partition.counts
            finished.append(_put_away(partition, options.offload, folder, number))
    if together:
        counts = Counts.summed(processes.gather(counts))
        part = Part(part.data, 0, 1)
    return Measurement(
        modules=table,
        sums=ChainMap(*finished),
        model=digest,
        options=record,
        parts=(part,),
        positions=counts.positions,
        group_tokens=tuple(counts.tokens),
        group_sequences=tuple(counts.sequences),
        group_losses=tuple(counts.losses),
        row_tokens=row_tokens,
    )


def _check(
    encoded: Sequence[EncodedExample],
    table: Sequence[AdaptedModule],
    groups: int,
    protocol: FinetuneOptions | None,
) -> None:
    if not encoded or not table:
        raise InputError(f"nothing to measure: {len(encoded)} sequences, {len(table)} modules")
    if not 0 <= groups <= len(encoded):
        raise InputError(f"groups {groups}: choose 0 to {len(encoded)}, the sequences at hand")
    if groups == 0 and protocol is None:
        raise InputError("nothing to measure: no group of sequences and no protocol")


def _check_placement(
    options: PassOptions, layers: Sequence[int], work_dir: str | Path | None
) -> None:
    if options.partitions > len(layers):
        raise InputError(
            f"partitions {options.partitions}: choose 1 to {len(layers)}, the layers measured"
        )
    if options.offload == "disk" and work_dir is None:
        raise InputError("offload 'disk' needs a work folder")


def _head(
    model: Any, encoded: Sequence[EncodedExample], padding_side: Literal["right", "left"]
) -> Head:
    lengths = [len(example.input_ids) for example in encoded]
    shortest = PlannedBatch(0, (lengths.index(min(lengths)),))
    return Head.of(model, shortest.padded(encoded, padding_side, model.device))


def _put_away(
    partition: Partition, offload: str, folder: Path | None, number: int
) -> Mapping[str, torch.Tensor]:
    """The finished sums on the host or, with offload to disk, in a file."""
    if offload != "disk" or folder is None:
        return on_host(partition.sums)
    path = folder / f"finished-{number}.safetensors"
    write_tensors(path, partition.sums, {})
    partition.sums.clear()
    return TensorFile(path)

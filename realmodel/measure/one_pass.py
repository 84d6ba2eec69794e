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
from realmodel.measure.partition import Partition
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
    tell: Progress = progress or (lambda done, total: None)
    table = modules.modules if isinstance(modules, ModuleTable) else tuple(modules)
    model, digest = identified(checkpoint_or_model)
    layers = sorted({module.layer for module in table})
    kept_groups = min(GROUPS, len(encoded)) if groups is None else groups
    sampled = bool(kept_groups) and output_moment == "sampled"
    _check(encoded, table, options, kept_groups, protocol, sampled=sampled)
    if save_every < 1:
        raise InputError(f"save_every must be at least 1, got {save_every}")
    if options.offload == "disk" and work_dir is None:
        raise InputError("offload 'disk' needs a work folder")
    together = processes.active() and shard is None
    index, shards = processes.place() if together else (shard or (0, 1))
    if not 0 <= index < shards:
        raise InputError(f"shard {index} of {shards}: choose 0 to {shards - 1}")
    record = PassRecord(
        groups=kept_groups,
        output_moment=output_moment if kept_groups else "none",
        draws=options.draws,
        protocol=None if protocol is None else protocol.to_dict(),
        rows=0 if protocol is None else min(options.tangent_samples, len(encoded)),
        batch_size=options.batch_size,
        padding_side=padding_side,
        partitions=options.partitions,
        seed=seed,
        dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
    )
    part = Part(data_digest(encoded), index, shards)
    places = random_subset(len(encoded), record.rows, seed)
    plan = plan_batches(
        encoded,
        labels=random_groups(len(encoded), max(1, kept_groups), seed),
        batch_size=options.batch_size,
        shard=(index, shards),
        among=None if kept_groups else set(places),
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
    counts: dict[str, torch.Tensor] = {}
    with (
        measuring(model, gradient_checkpointing=gradient_checkpointing),
        attention(model, "sdpa"),
        memory_advice("one pass", options.batch_size),
    ):
        head = _head(model, encoded, padding_side)
        for number, chosen in enumerate(np.array_split(np.array(layers), options.partitions)):
            own = [module for module in table if module.layer in chosen]
            device = None if options.offload == "none" else "cpu"
            partition = Partition(own, record, factors, places, device=device, folder=folder)
            saved = SavedRun(
                None if folder is None else folder / f"partition-{number}.safetensors",
                {**identity, "modules": [module.name for module in own]},
                batches=len(plan),
                every=save_every,
            )
            for position in range(partition.resume(saved, model.device), len(plan)):
                planned = plan[position]
                batch = planned.padded(encoded, padding_side, model.device)
                partition.add(model, head, BatchView(batch, planned.group))
                partition.store(saved, position + 1)
                tell(number * len(plan) + position + 1, options.partitions * len(plan))
            partition.check_reached()
            if together:
                processes.sum_over_processes(partition.sums)
            if protocol is not None and shard is None:
                partition.form_kernels(row_tokens, protocol.batch_size, model.device)
            counts = partition.counts
            finished.append(_put_away(partition, options.offload, folder, number))
    if together:
        processes.sum_over_processes(counts)
        part = Part(part.data, 0, 1)
    return Measurement(
        modules=table,
        sums=ChainMap(*finished),
        model=digest,
        options=record,
        parts=(part,),
        positions=int(counts["positions"]),
        group_tokens=tuple(counts["tokens"].tolist()),
        group_sequences=tuple(counts["sequences"].tolist()),
        group_losses=tuple(counts["losses"].tolist()),
        row_tokens=row_tokens,
    )


def _check(
    encoded: Sequence[EncodedExample],
    table: Sequence[AdaptedModule],
    options: PassOptions,
    groups: int,
    protocol: FinetuneOptions | None,
    *,
    sampled: bool,
) -> None:
    if not encoded or not table:
        raise InputError(f"nothing to measure: {len(encoded)} sequences, {len(table)} modules")
    if not 0 <= groups <= len(encoded):
        raise InputError(f"groups {groups}: choose 0 to {len(encoded)}, the sequences at hand")
    if groups == 0 and protocol is None:
        raise InputError("nothing to measure: no group of sequences and no protocol")
    if sampled and options.draws < 1:
        raise InputError(f"draws must be at least 1, got {options.draws}: Gamma is of drawn labels")
    layers = len({module.layer for module in table})
    if options.partitions > layers:
        raise InputError(
            f"partitions {options.partitions}: choose 1 to {layers}, the layers measured"
        )


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
        return {name: tensor.cpu() for name, tensor in partition.sums.items()}
    path = folder / f"finished-{number}.safetensors"
    write_tensors(path, partition.sums, {})
    partition.sums.clear()
    return TensorFile(path)

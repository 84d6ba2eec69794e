"""One forward and backward pass per batch, and everything that it can tell about the layers."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch

from realmodel.measure.statistics.accuracy import accuracy_check
from realmodel.measure.statistics.measuring import measuring
from realmodel.measure.statistics.plan import data_digest, plan_batches
from realmodel.measure.statistics.running_sums import RunningSums
from realmodel.measure.statistics.statistics import Options, Part, Statistics
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint, identified
from realmodel.model.modules import AdaptedModule, ModuleTable
from realmodel.runs import processes
from realmodel.runs.memory_advice import memory_advice
from realmodel.runs.saved_run import SavedRun
from realmodel.runs.tensor_file import TensorFile, write_tensors
from theory import InputError

Progress = Callable[[int, int], None]
"""Told how many batches are done, and of how many."""

GROUP_SUMS_BYTES = 4 * 2**30
"""By default gradient groups are halved in number until their sums fit in this."""


def collect_statistics(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    modules: ModuleTable | Sequence[AdaptedModule],
    *,
    batch_size: int = 8,
    groups: int | None = None,
    output_moment: Literal["sampled", "empirical", "none"] = "sampled",
    padding_side: Literal["right", "left"] = "right",
    partitions: int = 1,
    offload: Literal["none", "cpu", "disk"] = "none",
    shard: tuple[int, int] | None = None,
    work_dir: str | Path | None = None,
    save_every: int = 50,
    gradient_checkpointing: bool = False,
    check_accuracy: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Statistics:
    """Stream the data through the model and sum what the layers see and send back.

    Parameters
    ----------
    checkpoint_or_model
        From :func:`realmodel.model.checkpoint.load_checkpoint`, or a bare transformers model.
    encoded
        Sequences with labels on the completion; padding and prompts carry no loss.
    modules
        What to measure, from :func:`realmodel.model.modules.find_modules`.
    batch_size
        Sequences per batch; no result depends on it beyond rounding.
    groups
        Gradient groups (see :class:`Options`); by default 16, or fewer when their sums would
        exceed 4 GiB, and never fewer than 2, which give the halves for cross-fitting.
    output_moment
        Gamma from labels sampled by the model (one more backward pass), from the data's labels,
        or not at all.
    partitions
        Process the modules in this many groups of layers, one pass over the data each: less
        memory, more time.
    offload
        Where the sums live: ``none`` beside the weights, ``cpu`` on the host, ``disk`` in
        ``work_dir`` as soon as a partition is done.
    shard
        ``(i, n)``: take only the i-th of n disjoint shards of ``encoded``; add the results with
        :func:`merge`. Processes started by ``torchrun`` take one shard each by themselves and
        all return the sum.
    work_dir
        Folder of the running sums; a killed run that is started again with the same input
        continues there and gives bit-identical results.
    save_every
        Batches between two saves of the running sums.
    gradient_checkpointing
        Recompute activations in the backward pass: less memory, a third more time.
    check_accuracy
        Compare a small sample with float64.
    progress
        Called after each batch with the batches done and their number.

    Returns
    -------
    Statistics
        In nats per completion token; moments over unpadded positions.

    Raises
    ------
    InputError
        Empty input, options out of range, a work folder of another run, not enough memory, or a
        loss that is not finite.
    """
    table = modules.modules if isinstance(modules, ModuleTable) else tuple(modules)
    model, digest = identified(checkpoint_or_model)
    layers = sorted({module.layer for module in table})
    _check(encoded, table, batch_size, layers, partitions, offload, work_dir)
    together = processes.active() and shard is None
    index, shards = processes.place() if together else (shard or (0, 1))
    options = Options(
        groups=_groups(groups, table, len(encoded)),
        output_moment=output_moment,
        batch_size=batch_size,
        padding_side=padding_side,
        partitions=partitions,
        seed=seed,
        dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
    )
    part = Part(data_digest(encoded), index, shards)
    plan = plan_batches(
        encoded, groups=options.groups, batch_size=batch_size, shard=(index, shards)
    )
    if not plan:
        raise InputError(
            f"shard {index} of {shards} holds none of {len(encoded)} sequences: take at least "
            f"{options.groups * shards}, or fewer processes"
        )
    folder = None if work_dir is None else Path(work_dir) / f"shard-{index}-of-{shards}"
    identity = {"model": digest, "options": asdict(options), "part": asdict(part)}
    per_partition = -(-len(layers) // partitions)
    finished: list[Any] = []
    running = RunningSums(())
    accuracy: dict[str, Any] = {}
    with (
        measuring(model, gradient_checkpointing=gradient_checkpointing),
        memory_advice("statistics", batch_size),
    ):
        if check_accuracy:
            accuracy = accuracy_check(model, encoded, table)
        for number in range(partitions):
            chosen = layers[number * per_partition : (number + 1) * per_partition]
            running = RunningSums(
                [module for module in table if module.layer in chosen],
                groups=options.groups,
                output_moment=output_moment,
                device=None if offload == "none" else "cpu",
            )
            saved = None
            if folder is not None:
                names = [module.name for module in running.modules]
                saved = SavedRun(
                    folder / f"partition-{number}.safetensors", {**identity, "modules": names}
                )
            stored = saved.restore() if saved else None
            done = running.resume(*stored, device=model.device) if stored else 0
            for position in range(done, len(plan)):
                planned = plan[position]
                batch = planned.padded(encoded, padding_side, model.device)
                running.add(model, batch, group=planned.group, seed=seed)
                last = position + 1 == len(plan)
                if saved and (last or (position + 1) % save_every == 0):
                    saved.store(running.tensors, running.counts, position + 1)
                if progress is not None:
                    progress(number * len(plan) + position + 1, partitions * len(plan))
            _check_reached(running)
            if together:
                processes.sum_over_processes(
                    running.tensors[name] for name in sorted(running.tensors)
                )
            finished.append(_put_away(running, offload, folder, number, together=together))
    if together:
        _add_counts(running)
        part = Part(part.data, 0, 1)
    return Statistics(
        modules=table,
        sums=ChainMap(*finished),
        model=digest,
        options=options,
        parts=(part,),
        positions=running.positions,
        group_tokens=tuple(running.tokens),
        group_sequences=tuple(running.sequences),
        group_losses=tuple(running.losses),
        accuracy=accuracy,
    )


def _check(
    encoded: Sequence[EncodedExample],
    table: Sequence[AdaptedModule],
    batch_size: int,
    layers: Sequence[int],
    partitions: int,
    offload: str,
    work_dir: str | Path | None,
) -> None:
    if not encoded or not table:
        raise InputError(f"nothing to measure: {len(encoded)} sequences, {len(table)} modules")
    if batch_size < 1:
        raise InputError(f"batch size must be at least 1, got {batch_size}")
    if not 1 <= partitions <= len(layers):
        raise InputError(f"partitions {partitions}: choose 1 to {len(layers)}, the layers measured")
    if offload == "disk" and work_dir is None:
        raise InputError("offload 'disk' needs a work folder")


def _groups(groups: int | None, table: Sequence[AdaptedModule], sequences: int) -> int:
    if groups is not None:
        if not 1 <= groups <= sequences:
            raise InputError(f"groups {groups}: choose 1 to {sequences}, the sequences at hand")
        return groups
    return default_groups(table, sequences)


def default_groups(table: Sequence[AdaptedModule], sequences: int) -> int:
    """16 gradient groups, or as many as fit in 4 GiB, but at least 2."""
    size = 4 * sum(module.in_features * module.out_features for module in table)
    chosen = 16
    while chosen > 2 and (chosen * size > GROUP_SUMS_BYTES or chosen > sequences):
        chosen //= 2
    return min(chosen, sequences)


def _check_reached(running: RunningSums) -> None:
    for module in running.modules:
        if f"gradient/{module.name}" not in running.tensors:
            raise InputError(f"module {module.name} was never used: leave it out with --modules")


def _put_away(
    running: RunningSums, offload: str, folder: Path | None, number: int, *, together: bool
) -> Mapping[str, torch.Tensor]:
    """The finished sums on the host or, with offload to disk, in a file."""
    if offload != "disk" or folder is None:
        return {name: tensor.cpu() for name, tensor in running.tensors.items()}
    path = folder / f"partition-{number}.safetensors"
    if together:
        path = folder / f"summed-{number}.safetensors"
        write_tensors(path, running.tensors, {})
    running.tensors.clear()
    return TensorFile(path)


def _add_counts(running: RunningSums) -> None:
    """Replace the counts of this process by those of all processes."""
    records = processes.gather(
        (running.positions, running.tokens, running.sequences, running.losses)
    )
    running.positions = sum(record[0] for record in records)
    running.tokens, running.sequences, running.losses = (
        [sum(values) for values in zip(*(record[item] for record in records), strict=True)]
        for item in (1, 2, 3)
    )

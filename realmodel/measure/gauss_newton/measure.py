"""Stream sequences and sum gradient and curvature along the directions, group by group."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from realmodel.measure.gauss_newton.directions import Directions, chosen
from realmodel.measure.gauss_newton.gauss_newton import GaussNewton
from realmodel.measure.gauss_newton.scores import sequence_scores
from realmodel.measure.one_pass import Progress
from realmodel.measure.random_subset import random_groups, random_order
from realmodel.measure.statistics.measuring import measuring
from realmodel.measure.statistics.plan import PlannedBatch, data_digest, plan_batches
from realmodel.model.activation import fused_activations
from realmodel.model.batches import Batch, EncodedExample
from realmodel.model.checkpoint import Checkpoint, identified
from realmodel.model.modules import AdaptedModule, ModuleTable
from realmodel.runs import processes
from realmodel.runs.memory_advice import memory_advice
from realmodel.runs.saved_run import SavedRun
from theory import InputError

Curvature = Callable[[Any, Batch, Directions], torch.Tensor]
"""From model, batch and directions to the curvature summed over the batch, (K, K) float64."""


@dataclass(frozen=True)
class Streaming:
    """How sequences stream through the model.

    Attributes
    ----------
    batch_size, padding_side, work_dir, save_every, progress
        As in :func:`realmodel.measure.one_pass.one_pass`.
    curvature_sequences
        Take the curvature on this many sequences, drawn at random; all when None.
    groups
        Random groups of sequences whose sums are kept for the jackknife; no more than there are
        sequences behind the curvature.
    seed
        Of both.
    """

    batch_size: int
    padding_side: str
    curvature_sequences: int | None
    groups: int
    work_dir: str | Path | None
    save_every: int
    progress: Progress | None
    seed: int

    def __post_init__(self) -> None:
        for name in ("batch_size", "groups", "save_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.curvature_sequences is not None and self.curvature_sequences < 1:
            raise InputError(
                f"curvature sequences must be at least 1, got {self.curvature_sequences}"
            )


def measure(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    modules: ModuleTable | Sequence[AdaptedModule],
    directions: Directions,
    curvature: Curvature,
    streaming: Streaming,
    *,
    damping: float,
    metadata: Mapping[str, Any],
) -> GaussNewton:
    """Gradient from one backward pass over the sequences, curvature from ``curvature``."""
    table = modules.modules if isinstance(modules, ModuleTable) else tuple(modules)
    model, digest = identified(checkpoint_or_model)
    directions = chosen(table, directions)
    data = data_digest(encoded)
    kept, selection = _evaluated(len(encoded), data, directions)
    encoded = [encoded[place] for place in kept]
    if not encoded:
        raise InputError("no sequence is left to measure the directions on")
    size, side, seed = streaming.batch_size, streaming.padding_side, streaming.seed
    wanted = min(streaming.curvature_sequences or len(encoded), len(encoded))
    # Cut from one random order, so that every group has its share of both.
    groups = min(streaming.groups, wanted)
    among = set(random_order(len(encoded), seed)[:wanted])
    labels = random_groups(len(encoded), groups, seed)
    shard = processes.place()
    slope_plan, bend_plan = (
        plan_batches(encoded, labels=labels, batch_size=rows, shard=shard, among=places)
        for places, rows in ((None, size), (among, curvature_batch(size, model.device.type)))
    )
    saved = None
    if streaming.work_dir is not None:
        name = f"{str(metadata['curvature']).replace(' ', '-')}-{shard[0]}-of-{shard[1]}"
        identity = {
            "model": digest,
            "data": data,
            "options": [groups, size, wanted, side, seed, *shard, *map(str, metadata.values())],
            "directions": _digest(directions),
        }
        saved = SavedRun(Path(streaming.work_dir) / f"{name}.safetensors", identity)
    stored = saved.restore() if saved else None
    sums, done = (stored[0], stored[2]) if stored else (_zeros(groups, sum(directions.sizes)), 0)
    steps = [*((False, planned) for planned in slope_plan), *((True, p) for p in bend_plan)]
    with measuring(model), fused_activations(model), memory_advice("curvature", size):
        for position in range(done, len(steps)):
            bends, planned = steps[position]
            batch = planned.padded(encoded, side, model.device)
            tokens = _tokens(encoded, planned)
            if bends:
                sums["curvature_sums"][planned.group] += curvature(model, batch, directions).cpu()
                sums["curvature_tokens"][planned.group] += tokens
            else:
                scores, loss = sequence_scores(model, batch, directions)
                sums["gradient_sums"][planned.group] += scores.sum(dim=0)
                sums["gradient_tokens"][planned.group] += tokens
                sums["loss"] += loss
            last = position + 1 == len(steps)
            if saved and (last or (position + 1) % streaming.save_every == 0):
                saved.store(sums, {}, position + 1)
            if streaming.progress is not None:
                streaming.progress(position + 1, len(steps))
    if processes.active():
        processes.sum_over_processes(sums[name] for name in sorted(sums))
    return GaussNewton(
        modules=table,
        sizes=directions.sizes,
        gradient_sums=sums["gradient_sums"].numpy(),
        curvature_sums=sums["curvature_sums"].numpy(),
        gradient_tokens=sums["gradient_tokens"].numpy(),
        curvature_tokens=sums["curvature_tokens"].numpy(),
        loss=float(sums["loss"]) / float(sums["gradient_tokens"].sum()),
        damping=damping,
        metadata={
            "model": digest,
            "data": data,
            "selection": selection,
            "directions": directions.kind,
            "ridge": directions.ridge,
            "sequences": len(encoded),
            "curvature_sequences": wanted,
            **metadata,
        },
    )


def curvature_batch(batch_size: int, device: str) -> int:
    """Sequences per forward-mode pass: the directions fill a processor already, padding costs.

    >>> curvature_batch(8, "cpu"), curvature_batch(8, "cuda")
    (1, 8)
    """
    return 1 if device == "cpu" else batch_size


def _zeros(groups: int, K: int) -> dict[str, torch.Tensor]:
    shapes = {
        "gradient_sums": (groups, K),
        "curvature_sums": (groups, K, K),
        "gradient_tokens": (groups,),
        "curvature_tokens": (groups,),
        "loss": (1,),
    }
    return {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}


def _evaluated(count: int, data: str, directions: Directions) -> tuple[list[int], str]:
    """Places of the sequences to measure on, and how they relate to those that chose."""
    everything = list(range(count))
    if not directions.data:
        return everything, "directions were given"
    if directions.data != data:
        return everything, "other data"
    if directions.half is None:
        return everything, "same sequences: the gain is overstated"
    group = random_groups(count, directions.groups, directions.seed)
    other = [place for place in everything if group[place] % 2 != directions.half]
    return other, "other half"


def _tokens(encoded: Sequence[EncodedExample], planned: PlannedBatch) -> int:
    return sum(encoded[place].num_completion_tokens for place in planned.indices)


def _digest(directions: Directions) -> str:
    digest = hashlib.sha256()
    for module in directions.modules:
        digest.update(module.name.encode())
        digest.update(directions.left[module.name].tobytes())
        digest.update(directions.right[module.name].tobytes())
    return digest.hexdigest()

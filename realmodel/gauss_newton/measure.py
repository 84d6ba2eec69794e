"""Measure gradient and Gauss-Newton curvature along the chosen directions."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.architectures import AdaptedModule, ModuleTable
from realmodel.batches import EncodedExample
from realmodel.checkpoint import Checkpoint, identified
from realmodel.gauss_newton.directions import Directions, chosen
from realmodel.gauss_newton.gauss_newton import GaussNewton
from realmodel.gauss_newton.output_gram import output_gram
from realmodel.gauss_newton.scores import sequence_scores
from realmodel.gauss_newton.tangents import Head, tangents
from realmodel.statistics import processes
from realmodel.statistics.collect import Progress
from realmodel.statistics.measuring import measuring
from realmodel.statistics.memory_advice import memory_advice
from realmodel.statistics.plan import PlannedBatch, data_digest, plan_batches
from realmodel.statistics.saved_run import SavedRun
from theory import InputError


def gauss_newton(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    modules: ModuleTable | Sequence[AdaptedModule],
    directions: Directions,
    *,
    batch_size: int = 4,
    curvature_sequences: int | None = None,
    groups: int = 16,
    damping: float = 0.0,
    chunk: int | None = None,
    padding_side: str = "right",
    work_dir: str | Path | None = None,
    save_every: int = 8,
    progress: Progress | None = None,
) -> GaussNewton:
    """Measure ``g = dL/dc`` and ``H = E_tokens[(J u_i)'(diag p - p p')(J u_j)]``.

    ``L`` is the mean loss over completion tokens and ``c`` the coefficients of the directions.
    The gradient comes from one backward pass, the curvature from forward-mode derivatives,
    one vectorised pass per layer; both are exact.

    When the directions were chosen on one half of these very sequences, the other half alone is
    measured here: on its own half the gain would be overstated. ``metadata["selection"]`` says
    which sequences were used.

    Parameters
    ----------
    encoded
        The sequences that chose the directions (the half rule applies), or any others.
    curvature_sequences
        Take the curvature on this many sequences, evenly spread; its sampling error is far
        smaller than the gradient's. All by default.
    groups
        Groups of sequences whose sums are kept for the jackknife.
    damping
        See :class:`GaussNewton`; recorded, zero by default.
    chunk
        Directions per vectorised pass (memory); a layer's all by default.
    work_dir, save_every, progress, batch_size, padding_side
        As in :func:`realmodel.statistics.collect_statistics`.

    Raises
    ------
    InputError
        Options out of range, modules without directions, attention that has no forward-mode
        derivative, not enough memory.
    """
    table = modules.modules if isinstance(modules, ModuleTable) else tuple(modules)
    model, digest = identified(checkpoint_or_model)
    directions = chosen(table, directions)
    attention = getattr(model.config, "_attn_implementation", "eager")
    if attention not in ("eager", None):
        raise InputError(
            f"attention {attention!r} has no forward-mode derivative: load with attention='eager'"
        )
    if curvature_sequences is not None and curvature_sequences < 1:
        raise InputError(f"curvature sequences must be at least 1, got {curvature_sequences}")
    data = data_digest(encoded)
    kept, selection = _evaluated(len(encoded), data, directions)
    encoded = [encoded[place] for place in kept]
    if not encoded:
        raise InputError("no sequence is left to measure the directions on")
    wanted = min(curvature_sequences or len(encoded), len(encoded))
    among = set(np.linspace(0, len(encoded) - 1, wanted).round().astype(int).tolist())
    shard = processes.place()
    common = {"groups": groups, "batch_size": batch_size, "shard": shard}
    slope_plan = plan_batches(encoded, **common)
    bend_plan = plan_batches(encoded, **common, among=among)
    identity = {
        "model": digest,
        "data": data,
        "options": [groups, batch_size, wanted, padding_side, *shard],
        "directions": _digest(directions),
    }
    saved = None
    if work_dir is not None:
        path = Path(work_dir) / f"gauss-newton-{shard[0]}-of-{shard[1]}.safetensors"
        saved = SavedRun(path, identity)
    K = sum(directions.sizes)
    stored = saved.restore() if saved else None
    sums, counts, done = stored or (
        {
            "gradient_sums": torch.zeros(groups, K, dtype=torch.float64),
            "curvature_sums": torch.zeros(groups, K, K, dtype=torch.float64),
            "gradient_tokens": torch.zeros(groups, dtype=torch.float64),
            "curvature_tokens": torch.zeros(groups, dtype=torch.float64),
            "loss": torch.zeros(1, dtype=torch.float64),
        },
        {},
        0,
    )
    head = Head.of(model)
    steps = [*slope_plan, *bend_plan]
    with measuring(model), memory_advice("Gauss-Newton", batch_size):
        for position in range(done, len(steps)):
            planned = steps[position]
            if position < len(slope_plan):
                _add_gradient(model, encoded, planned, directions, padding_side, sums)
            else:
                _add_curvature(model, encoded, planned, directions, padding_side, sums, head, chunk)
            last = position + 1 == len(steps)
            if saved and (last or (position + 1) % save_every == 0):
                saved.store(sums, counts, position + 1)
            if progress is not None:
                progress(position + 1, len(steps))
    if processes.active():
        processes.sum_over_processes(sums[name] for name in sorted(sums))
    loss = float(sums.pop("loss")) / float(sums["gradient_tokens"].sum())
    return GaussNewton(
        modules=table,
        sizes=directions.sizes,
        **{name: tensor.numpy() for name, tensor in sums.items()},
        loss=loss,
        damping=damping,
        metadata={
            "model": digest,
            "data": data,
            "selection": selection,
            "directions": directions.kind,
            "ridge": directions.ridge,
            "sequences": len(encoded),
            "curvature_sequences": wanted,
        },
    )


def _evaluated(count: int, data: str, directions: Directions) -> tuple[list[int], str]:
    """Places of the sequences to measure on, and how they relate to those that chose."""
    if not directions.data:
        return list(range(count)), "directions were given"
    if directions.data != data:
        return list(range(count)), "other data"
    if directions.half is None:
        return list(range(count)), "same sequences: the gain is overstated"
    other = [place for place in range(count) if (place % directions.groups) % 2 != directions.half]
    return other, "other half"


def _add_gradient(
    model: Any,
    encoded: Sequence[EncodedExample],
    planned: PlannedBatch,
    directions: Directions,
    padding_side: str,
    sums: dict[str, torch.Tensor],
) -> None:
    batch = planned.padded(encoded, padding_side, model.device)
    (scores,), loss = sequence_scores(model, batch, directions)
    sums["gradient_sums"][planned.group] += scores.sum(dim=0)
    sums["gradient_tokens"][planned.group] += _tokens(encoded, planned)
    sums["loss"] += loss


def _add_curvature(
    model: Any,
    encoded: Sequence[EncodedExample],
    planned: PlannedBatch,
    directions: Directions,
    padding_side: str,
    sums: dict[str, torch.Tensor],
    head: Head,
    chunk: int | None,
) -> None:
    batch = planned.padded(encoded, padding_side, model.device)
    pieces: list[torch.Tensor] = []
    order: list[AdaptedModule] = []
    outputs = torch.empty(0)
    for layer in sorted({module.layer for module in directions.modules}):
        members = tuple(module for module in directions.modules if module.layer == layer)
        outputs, piece = tangents(model, batch, members, directions, head=head, chunk=chunk)
        pieces.append(piece)
        order.extend(members)
    gram = output_gram(torch.cat(pieces), outputs, head).cpu()
    places = _places(order, directions)
    sums["curvature_sums"][planned.group][places[:, None], places[None, :]] += gram
    sums["curvature_tokens"][planned.group] += _tokens(encoded, planned)


def _places(order: Sequence[AdaptedModule], directions: Directions) -> torch.Tensor:
    """Coordinate of each direction when modules come in ``order``."""
    starts = np.concatenate([[0], np.cumsum(directions.sizes)])
    start = dict(zip((m.name for m in directions.modules), starts.tolist(), strict=False))
    return torch.cat([start[m.name] + torch.arange(len(directions.left[m.name])) for m in order])


def _tokens(encoded: Sequence[EncodedExample], planned: PlannedBatch) -> int:
    return sum(encoded[place].num_completion_tokens for place in planned.indices)


def _digest(directions: Directions) -> str:
    digest = hashlib.sha256()
    for module in directions.modules:
        digest.update(module.name.encode())
        digest.update(directions.left[module.name].tobytes())
        digest.update(directions.right[module.name].tobytes())
    return digest.hexdigest()

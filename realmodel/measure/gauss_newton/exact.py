"""The exact Gauss-Newton quadratic along directions of a real model, summed group by group."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from realmodel.measure.attention import attention
from realmodel.measure.gauss_newton.batch_curvature import batch_curvature
from realmodel.measure.gauss_newton.curvature_options import CurvatureOptions
from realmodel.measure.gauss_newton.directions import Directions, chosen, select_directions
from realmodel.measure.gauss_newton.gauss_newton import SUMS, GaussNewton
from realmodel.measure.gauss_newton.scores import sequence_scores
from realmodel.measure.gauss_newton.tangents import check_attention
from realmodel.measure.head import Head
from realmodel.measure.measurement import Measurement
from realmodel.measure.one_pass import Progress
from realmodel.measure.random_subset import random_groups, random_order
from realmodel.measure.statistics.measuring import measuring
from realmodel.measure.statistics.plan import data_digest, plan_batches
from realmodel.model.activation import fused_activations
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint, identified, model_of
from realmodel.model.modules import AdaptedModule, ModuleTable
from realmodel.runs import processes
from realmodel.runs.memory_advice import memory_advice
from realmodel.runs.saved_run import SavedRun
from theory import InputError

CURVATURE = "exact Gauss-Newton"


def residual_gauss_newton(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    statistics: Measurement,
    options: CurvatureOptions,
    *,
    ridge: float = 1e-3,
    batch_size: int = 4,
    work_dir: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> GaussNewton:
    """Along each module's residual, chosen on one half of the sequences, measured on the other.

    So the gain is not overstated by the choice (:func:`select_directions`, :func:`gauss_newton`).

    Parameters
    ----------
    statistics
        Of the same sequences.
    ridge
        As of :func:`select_directions`.
    """
    with attention(model_of(checkpoint_or_model), "eager"):
        return gauss_newton(
            checkpoint_or_model,
            encoded,
            statistics.modules,
            select_directions(statistics, directions=options.directions, ridge=ridge, seed=seed),
            batch_size=batch_size,
            curvature_samples=options.curvature_samples,
            damping=options.damping,
            work_dir=work_dir,
            seed=seed,
            progress=progress,
        )


def gauss_newton(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    modules: ModuleTable | Sequence[AdaptedModule],
    directions: Directions,
    *,
    batch_size: int = 4,
    curvature_samples: int | None = None,
    groups: int = 16,
    damping: float = 0.0,
    chunk: int | None = None,
    padding_side: str = "right",
    work_dir: str | Path | None = None,
    save_every: int = 8,
    seed: int = 0,
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
    curvature_samples
        Take the curvature on this many sequences, drawn at random; all when None.
    groups
        Random groups of sequences whose sums are kept for the jackknife; no more than there are
        sequences behind the curvature.
    damping
        See :class:`GaussNewton`; recorded, zero by default.
    chunk
        Directions per vectorised pass (memory); a layer's all by default.
    seed
        Of the sequences drawn and of the groups.
    batch_size, padding_side, work_dir, save_every, progress
        As of :func:`realmodel.measure.one_pass.one_pass`.

    Raises
    ------
    InputError
        Options out of range, modules without directions, attention that has no forward-mode
        derivative, not enough memory.

    Notes
    -----
    Provenance: extension (section 9).
    """
    for name, value in (
        ("batch_size", batch_size),
        ("groups", groups),
        ("save_every", save_every),
        ("curvature_samples", curvature_samples),
    ):
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    table = modules.modules if isinstance(modules, ModuleTable) else tuple(modules)
    model, digest = identified(checkpoint_or_model)
    check_attention(model)
    directions = chosen(table, directions)
    data = data_digest(encoded)
    kept, selection = _evaluated(len(encoded), data, directions)
    encoded = [encoded[place] for place in kept]
    if not encoded:
        raise InputError("no sequence is left to measure the directions on")
    wanted = min(curvature_samples or len(encoded), len(encoded))
    # Cut from one random order, so that every group has its share of both.
    groups = min(groups, wanted)
    among = set(random_order(len(encoded), seed)[:wanted])
    labels = random_groups(len(encoded), groups, seed)
    shard = processes.place()
    steps = [
        (bends, planned)
        for bends, rows, places in (
            (False, batch_size, None),
            (True, curvature_batch(batch_size, model.device.type), among),
        )
        for planned in plan_batches(
            encoded, labels=labels, batch_size=rows, shard=shard, among=places
        )
    ]
    identity = {
        "layercard": version("layercard"),
        "model": digest,
        "dtype": str(next(model.parameters()).dtype),
        "data": data,
        "options": [groups, batch_size, wanted, padding_side, seed, *shard, CURVATURE],
        "directions": _digest(directions),
    }
    name = f"{CURVATURE.replace(' ', '-')}-{shard[0]}-of-{shard[1]}.safetensors"
    path = None if work_dir is None else Path(work_dir) / name
    saved = SavedRun(path, identity, batches=len(steps), every=save_every)
    stored = saved.restore()
    sums, done = (stored[0], stored[2]) if stored else (_zeros(groups, sum(directions.sizes)), 0)
    tell: Progress = progress or (lambda done, total: None)
    head: Head | None = None
    with measuring(model), fused_activations(model), memory_advice("curvature", batch_size):
        for position in range(done, len(steps)):
            bends, planned = steps[position]
            batch = planned.padded(encoded, padding_side, model.device)
            tokens = planned.tokens(encoded)
            if bends:
                head = head or Head.of(model, batch)
                bent = batch_curvature(model, batch, directions, head=head, chunk=chunk)
                sums["curvature_sums"][planned.group] += bent.cpu()
                sums["curvature_tokens"][planned.group] += tokens
            else:
                scores, loss = sequence_scores(model, batch, directions)
                sums["gradient_sums"][planned.group] += scores.sum(dim=0)
                sums["gradient_tokens"][planned.group] += tokens
                sums["loss"] += loss
            saved.store(sums, {}, position + 1)
            tell(position + 1, len(steps))
    if processes.active():
        processes.sum_over_processes(sums)
    return GaussNewton(
        modules=table,
        sizes=directions.sizes,
        **{name: sums[name].numpy() for name in SUMS},
        loss=float(sums["loss"]) / float(sums["gradient_tokens"].sum()),
        damping=damping,
        metadata={
            "model": digest,
            "data": data,
            "selection": selection,
            "directions": directions.kind,
            "ridge": directions.ridge,
            "sequences": len(encoded),
            "curvature_samples": wanted,
            "curvature": CURVATURE,
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


def _digest(directions: Directions) -> str:
    digest = hashlib.sha256()
    for module in directions.modules:
        digest.update(module.name.encode())
        digest.update(directions.left[module.name].tobytes())
        digest.update(directions.right[module.name].tobytes())
    return digest.hexdigest()

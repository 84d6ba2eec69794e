"""The comparison: fine-tune the placements, score them, and set one against the other."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from realmodel.architectures import ModuleTable
from realmodel.baselines import BASELINES, Context, JointGain
from realmodel.checkpoint import Checkpoint
from realmodel.compare.measured import measure
from realmodel.compare.options import CompareOptions
from realmodel.compare.pool import candidate_pool, single_layers
from realmodel.compare.prediction import predicted_gains, prediction_summary
from realmodel.compare.realised import realise
from realmodel.compare.result import ComparisonResult
from realmodel.compare.run_store import RunStore
from realmodel.compare.summary import ScoredBaseline, summarise
from realmodel.compare.task import Task
from realmodel.measure.attention import attention

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""


def compare(
    checkpoint: Checkpoint,
    task: Task,
    table: ModuleTable,
    options: CompareOptions,
    folder: Path,
    *,
    progress: Progress = lambda stage, done, total: None,
) -> ComparisonResult:
    """Fine-tune every single layer, the pool and all layers, then every score's own pick.

    Parameters
    ----------
    checkpoint : Checkpoint
        Its model is left as it was.
    task : Task
        Training and held-out sequences.
    table : ModuleTable
        Modules to adapt and to measure.
    options : CompareOptions
        The protocol.
    folder : Path
        Every finished run and every measurement is kept here; a killed comparison continues.
    progress : callable
        See :data:`Progress`.

    Returns
    -------
    ComparisonResult

    Raises
    ------
    InputError
        When the folder belongs to another protocol, the size does not fit the model, or
        anything below raises it.
    """
    layers = table.layers
    everything = tuple(layers)
    pool = candidate_pool(layers, size=options.size, count=options.placements, seed=options.seed)
    singles = single_layers(layers)
    labelled = {**pool, "all-layers": everything, **singles}
    store = RunStore(folder, task.protocol(checkpoint, options))
    gains = tuned(checkpoint, task, table, labelled, options, store, progress)
    context, seconds = measure(checkpoint, task, table, options, folder)
    scored = score_all(context, seconds, options.size, list(gains), progress)
    picks = {f"pick of {s.name}": s.pick for s in scored if s.pick not in gains}
    gains |= tuned(checkpoint, task, table, picks, options, store, progress)
    kept = {"pool": tuple(pool.values()), "singles": tuple(singles.values())}
    pooled = {placement: gains[placement] for placement in kept["pool"]}
    # Two scores may share a model and differ in the search.
    models = {id(s.quadratic): s for s in scored if s.quadratic is not None}
    predictions = {
        s.name: predicted_gains(s.quadratic, layers, pooled)
        for s in models.values()
        if s.quadratic is not None
    }
    runs: list[dict[str, Any]] = []
    for label, placement in {**labelled, **picks}.items():
        for seed in range(options.seeds):
            runs.append({"label": label, **(store.read(placement, seed) or {})})
    return ComparisonResult(
        model=checkpoint.source,
        model_digest=checkpoint.digest,
        task=task.name,
        options=options,
        loss_before=float(runs[0]["loss_before"]),
        all_gain=float(gains[everything].mean()),
        runs=runs,
        values=[
            {"score": s.name, "layers": list(placement), "value": value}
            for s in scored
            for placement, value in s.values.items()
        ],
        summaries=[summarise(s, gains, everything=everything, **kept) for s in scored],
        predictions=predictions,
        prediction={name: prediction_summary(rows) for name, rows in predictions.items()},
    )


def tuned(
    checkpoint: Checkpoint,
    task: Task,
    table: ModuleTable,
    placements: Mapping[str, tuple[int, ...]],
    options: CompareOptions,
    store: RunStore,
    progress: Progress,
) -> dict[tuple[int, ...], Any]:
    """Realised gains of these placements, telling ``progress`` of every run."""
    total = len(set(placements.values())) * options.seeds
    done = 0

    def on_run() -> None:
        nonlocal done
        done += 1
        progress("fine-tuning", done, total)

    with attention(checkpoint.model, "sdpa"):
        return realise(
            checkpoint,
            task.training,
            task.heldout,
            table,
            placements,
            options,
            store,
            on_run=on_run,
        )


def score_all(
    context: Context,
    seconds: Mapping[str, float],
    size: int,
    placements: list[tuple[int, ...]],
    progress: Progress,
) -> list[ScoredBaseline]:
    """Every baseline's values, pick and cost (what it needs measured, and its own time)."""
    shared = {
        "nothing": 0.0,
        "weights": 0.0,
        "sequences": 0.0,
        "statistics": seconds["statistics"],
        # The directions come from the statistics.
        "quadratic": seconds["statistics"] + seconds["quadratic"],
    }
    scored: list[ScoredBaseline] = []
    for done, baseline in enumerate(BASELINES.values(), start=1):
        start = time.perf_counter()
        score = baseline.score(context)
        pick = score.pick(size)
        own = time.perf_counter() - start
        scored.append(
            ScoredBaseline(
                name=baseline.name,
                title=baseline.title,
                source=baseline.source,
                values={placement: float(score.value(placement)) for placement in placements},
                pick=pick,
                seconds=shared[baseline.need] + own,
                quadratic=score.quadratic if isinstance(score, JointGain) else None,
            )
        )
        progress("scores", done, len(BASELINES))
    return scored

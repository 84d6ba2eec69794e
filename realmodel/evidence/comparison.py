"""The comparison: fine-tune the placements, score them, and set one against the other."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from realmodel.evidence.baselines import BASELINES, Context
from realmodel.evidence.options import CompareOptions
from realmodel.evidence.pool import Candidate, candidates
from realmodel.evidence.prediction import prediction_summary, with_realised
from realmodel.evidence.realised import realise
from realmodel.evidence.result import ComparisonResult
from realmodel.evidence.run_store import ARITHMETIC, RunStore
from realmodel.evidence.scored import Scored
from realmodel.evidence.summary import Gains, summarise
from realmodel.evidence.task import Task
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import ModuleTable
from theory import InputError

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""


def compare(
    checkpoint: Checkpoint,
    task: Task,
    table: ModuleTable,
    options: CompareOptions,
    folder: Path,
    *,
    trained: Checkpoint | None = None,
    train: bool = True,
    without: Collection[str] = (),
    progress: Progress = lambda stage, done, total: None,
) -> ComparisonResult:
    """Fine-tune all layers, the pools and single layers, then every score's own picks.

    Parameters
    ----------
    checkpoint : Checkpoint
        What the scores look at. Its model is left as it was.
    task : Task
        Training and held-out sequences.
    table : ModuleTable
        Modules to adapt and to measure.
    options : CompareOptions
        The protocol.
    folder : Path
        Every finished run and every score is kept here; a killed comparison continues.
    trained : Checkpoint, optional
        The same checkpoint in the arithmetic of the runs, where that is another one.
    train : bool
        ``False``: compare with the runs that are in the folder, and start none.
    without : collection of str
        Names of scores to leave out.
    progress : callable
        See :data:`Progress`.

    Returns
    -------
    ComparisonResult

    Raises
    ------
    InputError
        When the folder belongs to another protocol or holds no runs to compare with, a size does
        not fit the model, there is no score of a name, or anything below raises it.
    """
    trained = trained or checkpoint
    if unknown := sorted(set(without) - set(BASELINES)):
        raise InputError(f"there is no score {unknown[0]!r}: choose among {', '.join(BASELINES)}")
    wanted = candidates(table.layers, options)
    store = RunStore(folder, task.protocol(checkpoint, options) | {ARITHMETIC: trained.dtype})

    def tune(placements: Sequence[Candidate]) -> None:
        told = partial(progress, "fine-tuning")
        realise(trained, task, table, (one.layers for one in placements), options, store, told)

    if train:
        tune(wanted)
    elif not finished(store, wanted, options.seeds):
        raise InputError(f"{folder} holds no finished run of these placements: train some first")
    context = Context(checkpoint, table, task.training, options, folder, trained)
    scored, left_out = score_all(context, store.protocol, wanted, without, progress)
    known = {candidate.layers for candidate in wanted}
    picks = tuple(
        Candidate(f"pick of {one.baseline.name} at {size}", "pick", pick)
        for one in scored
        for size, pick in one.picks.items()
        if pick not in known
    )
    if train:
        tune(picks)
    gains = finished(store, (*wanted, *picks), options.seeds)
    everything = tuple(table.layers)
    if everything not in gains:
        raise InputError(f"{folder} holds no run of all layers, which the others are shares of")
    pooled = [one.layers for one in wanted if one.role == "pool" and one.layers in gains]
    pools = {size: [own for own in pooled if len(own) == size] for size in options.sizes}
    singles = [one.layers for one in wanted if one.role == "single" and one.layers in gains]
    roles = {one.layers: one.role for one in reversed(wanted)}
    predictions = {
        one.baseline.name: with_realised(one.predictions, gains, roles)
        for one in scored
        if one.predictions
    }
    runs = [
        {"label": one.label, "role": one.role, **record}
        for one in (*wanted, *picks)
        for seed in range(options.seeds)
        if (record := store.read(one.layers, seed)) is not None
    ]
    return ComparisonResult(
        model=checkpoint.source,
        model_digest=checkpoint.digest,
        task=task.name,
        options=options,
        arithmetic={"scores": checkpoint.dtype, "runs": trained.dtype},
        loss_before=float(runs[0]["loss_before"]),
        all_gain=float(gains[everything].mean()),
        runs=runs,
        values=[
            {"score": one.baseline.name, "layers": list(placement), "value": value}
            for one in scored
            for placement, value in one.values.items()
        ],
        summaries=[summarise(one, gains, pools, singles, everything) for one in scored],
        predictions=predictions,
        prediction={name: prediction_summary(rows) for name, rows in predictions.items()},
        left_out=left_out,
        untrained=sorted({one.layers for one in (*wanted, *picks)} - set(gains)),
    )


def finished(store: RunStore, wanted: Sequence[Candidate], seeds: int) -> Gains:
    """Realised gains of the placements that seed 0 has finished, over the seeds that have them all.

    Two placements are never compared over different seeds.
    """
    runs = {
        layers: [store.read(layers, seed) for seed in range(seeds)]
        for layers in dict.fromkeys(one.layers for one in wanted)
    }
    found = {layers: own for layers, own in runs.items() if own[0] is not None}
    columns = zip(*found.values(), strict=True)
    complete = sum(1 for _ in takewhile(lambda own: None not in own, columns))
    return {
        layers: np.array([float(run["gain"]) for run in own[:complete] if run is not None])
        for layers, own in found.items()
    }


def score_all(
    context: Context,
    protocol: Mapping[str, Any],
    wanted: Sequence[Candidate],
    without: Collection[str],
    progress: Progress,
) -> tuple[list[Scored], Mapping[str, str]]:
    """Every score's values, picks and cost, and which scores are left out and why.

    Nothing is measured for scores that are kept from before, or that ask for no measurement.
    """
    options = context.options
    placements = tuple(dict.fromkeys(one.layers for one in wanted))
    identity = {
        **measurement_identity(context),
        "protocol": dict(protocol),
        "placements": [list(layers) for layers in placements],
        "sizes": list(options.sizes),
    }
    scored: list[Scored] = []
    left_out: dict[str, str] = {}
    for done, (name, baseline) in enumerate(BASELINES.items(), start=1):
        path = context.folder / f"score-{name}.json"
        if name in without:
            left_out[baseline.title] = "not asked for"
        elif baseline.need == "quadratic" and not options.exact_curvature:
            left_out[baseline.title] = "needs the exact Gauss-Newton curvature: not measured"
        elif (kept := Scored.load(path, baseline, identity)) is not None:
            scored.append(kept)
        else:
            try:
                found = Scored.of(
                    baseline,
                    context,
                    placements=placements,
                    sizes=options.sizes,
                    seconds_before=context.seconds(baseline.need),
                )
            except InputError as error:  # a pilot of too few sequences, say: the others go on
                left_out[baseline.title] = str(error)
            else:
                found.save(path, identity)
                scored.append(found)
        progress("scores", done, len(BASELINES))
    return scored, left_out


def measurement_identity(context: Context) -> dict[str, Any]:
    """What changes the numbers that a score sees, but for the runs' protocol."""
    options, recorded = context.options, context.options.to_dict()
    names = ["seed", "exact_curvature"]
    if options.exact_curvature:
        names += ["directions", "curvature_samples", "damping"]
    return {
        "layercard": version("layercard"),
        "arithmetic": [context.checkpoint.dtype, context.runs_on.dtype],
        "modules": [module.name for module in context.modules],
        "options": {name: recorded[name] for name in names},
    }

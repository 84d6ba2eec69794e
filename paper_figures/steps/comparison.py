"""Every single layer and a pool of placements fine-tuned, against every score, as a step."""

from itertools import product
from pathlib import Path

from paper_figures.preset import Preset, label
from paper_figures.step import Data, Step
from paper_figures.steps.card import SIZE
from paper_figures.steps.on_task import on_task
from paper_figures.steps.saved import saved_comparisons
from paper_figures.steps.source import load_model
from paper_figures.steps.split import split_sizes, split_task


def comparison(preset: Preset, model: str, task: str) -> Step:
    """The comparison of ``model`` on ``task`` at the preset's size."""
    options = {
        "samples": 2 * preset.num_samples,
        "placements": preset.placements,
        "steps": preset.steps,
        "seeds": preset.finetune_seeds,
        "directions": preset.directions,
        "curvature_samples": preset.curvature_samples,
    }
    return on_task("compare", run, preset, model, task, options, resumes=True)


def comparisons(preset: Preset) -> dict[str, Step]:
    """As many pairs of model and task as the preset compares, or those that were given to it."""
    if preset.compared:
        return saved_comparisons(preset.compared)
    pairs = list(product(preset.models, preset.data))[: preset.comparisons]
    return {f"{label(m)} {label(t)}": comparison(preset, m, t) for m, t in pairs}


def run(
    model: str,
    task: str,
    samples: int,
    placements: int,
    steps: int,
    seeds: int,
    directions: int,
    curvature_samples: int,
    device: str,
    dtype: str | None,
    seed: int,
    folder: Path,
) -> Data:
    """Three quarters of the examples are trained and measured on, the others are held out."""
    from realmodel.evidence.comparison import compare
    from realmodel.evidence.options import CompareOptions
    from realmodel.finetuning import FinetuneOptions
    from realmodel.measure.gauss_newton import CurvatureOptions
    from realmodel.model.modules import find_modules

    checkpoint = load_model(model, dtype=dtype, device=device)
    table = find_modules(checkpoint.model)
    options = CompareOptions(
        sizes=(min(SIZE, len(table.layers) - 1),),
        placements=placements,
        seeds=seeds,
        **split_sizes(samples),
        max_length=256,
        exact_curvature=True,  # the figures hold it against the tangent model
        curvature=CurvatureOptions(directions, 0.1, curvature_samples),
        finetune=FinetuneOptions(rank=4, alpha=8.0, learning_rate=1e-2, steps=steps, batch_size=6),
        seed=seed,
    )
    split = split_task(checkpoint, task, samples=samples, max_length=options.max_length, seed=seed)
    made = compare(checkpoint, split, table, options, folder).to_dict()
    return {"model": label(model), "task": label(task), "comparison": made}

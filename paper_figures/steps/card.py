"""A LayerCard of one model on one task as a step: the most expensive measurement, made once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paper_figures.preset import Preset, label
from paper_figures.step import Data, Step
from paper_figures.steps.on_task import on_task
from paper_figures.steps.saved import saved_cards
from paper_figures.steps.source import load_examples, load_model

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard

SIZE = 4
"""Layers in the placements that figures and tables compare, as in the paper's tables."""


def card(preset: Preset, model: str, task: str) -> Step:
    """The card of ``model`` on ``task`` at the preset's size; costs are timed on the first task."""
    options = {
        "num_samples": preset.num_samples,
        "directions": preset.directions,
        "curvature_samples": preset.curvature_samples,
        "steps": preset.steps,
        "calibrate": task == preset.data[0],
    }
    return on_task("card", measure, preset, model, task, options, resumes=True)


def cards(preset: Preset, models: Sequence[str]) -> dict[str, Step]:
    """Cards of ``models`` on every task of the preset, or those that were given to it."""
    if preset.cards:
        return saved_cards(preset.cards)
    return {
        f"{label(model)} {label(task)}": card(preset, model, task)
        for model in dict.fromkeys(models)
        for task in preset.data
    }


def measure(
    model: str,
    task: str,
    num_samples: int,
    directions: int,
    curvature_samples: int,
    steps: int,
    calibrate: bool,
    device: str,
    dtype: str | None,
    seed: int,
    folder: Path,
) -> Data:
    """Measure the card, its Pareto fronts, and what it predicts for common placements."""
    from realmodel.card.build import measure_card
    from realmodel.card.options import CardOptions
    from realmodel.measure.gauss_newton import CurvatureOptions
    from realmodel.model.lora_protocol import FinetuneOptions
    from realmodel.model.window import Window

    checkpoint = load_model(model, dtype=dtype, device=device)
    examples = load_examples(task, num_samples, seed=seed)
    options = CardOptions(
        exact_curvature=True,  # the ablation compares its directions and damping
        curvature=CurvatureOptions(directions=directions, curvature_samples=curvature_samples),
        protocol=FinetuneOptions(
            steps=steps, learning_rate=1e-2, seed=seed
        ),  # as other steps' runs
        calibrate=calibrate,
        window=Window(too_long="skip"),
    )
    made = measure_card(checkpoint, examples, options, source=task, work_dir=folder)
    return described(made, label(model), label(task))


def described(made: "LayerCard", model: str, task: str, *, fronts: bool = True) -> Data:
    """A card with what it predicts for common placements, and its Pareto fronts.

    Parameters
    ----------
    made : LayerCard
    model, task : str
        Short names, as a figure shows them.
    fronts : bool
        With the fronts of time, memory and serving, which take longest.

    Returns
    -------
    Data
        JSON: the card, ``placements`` by name and ``fronts`` by cost; gains in nats per completion
        token.
    """
    from realmodel.card.certified import best_of_size
    from realmodel.placement import front_point, frontier
    from realmodel.placement.structured import structured_placements
    from theory.choice.top_k import top_k

    positions = tuple(range(len(made.layers)))
    size = min(SIZE, len(positions))
    named = structured_placements(positions, size)
    predictor = made.predictor()
    named["residual norm"] = top_k(made.quadratic, size).layers
    named["ours"] = best_of_size(predictor.quadratic, size).layers
    return {
        "model": model,
        "task": task,
        "card": made.to_dict(),
        "size": size,
        "predictor": predictor.title,
        "all_gain": predictor.quadratic.gain(),
        "placements": {name: front_point(made, at).to_dict() for name, at in named.items()},
        "fronts": {
            kind: [point.to_dict() for point in frontier(made, kind)]
            for kind in ("time", "memory", "serving")
        }
        if fronts
        else {},
    }

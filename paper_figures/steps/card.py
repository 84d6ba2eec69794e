"""A LayerCard of one model on one task as a step: the most expensive measurement, made once."""

from collections.abc import Sequence

from paper_figures.preset import Preset, label
from paper_figures.step import Data, Step
from paper_figures.steps.source import data_digest, load_examples, load_model, model_digest


def card(preset: Preset, model: str, task: str) -> Step:
    """The card of ``model`` on ``task`` at the preset's size."""
    options = {
        "model": model,
        "task": task,
        "num_samples": preset.num_samples,
        "directions": preset.directions,
        "device": preset.device,
        "dtype": preset.dtype,
        "seed": preset.seed,
    }
    digests = {"model": model_digest(model), "task": data_digest(task)}
    return Step(f"card-{label(model)}-{label(task)}", measure, options, digests)


def cards(preset: Preset, models: Sequence[str]) -> dict[str, Step]:
    """Cards of ``models`` on every task of the preset."""
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
    device: str,
    dtype: str | None,
    seed: int,
) -> Data:
    """Measure the card; its own JSON, with the labels that figures use."""
    from realmodel.card import CardOptions, build_card

    checkpoint = load_model(model, dtype=dtype, device=device)
    examples = load_examples(task, num_samples, seed=seed)
    options = CardOptions(directions=directions, seed=seed)
    made = build_card(checkpoint, examples, options)
    return {"model": label(model), "task": label(task), "card": made.to_dict()}

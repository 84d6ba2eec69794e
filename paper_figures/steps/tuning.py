"""Fine-tuning of common placements at equal adapter size, as a step."""

from typing import Any

from paper_figures.preset import Preset, label
from paper_figures.step import Data, Step
from paper_figures.steps.card import card
from paper_figures.steps.on_task import on_task
from paper_figures.steps.source import load_model
from paper_figures.steps.split import split_task

RANDOM_DRAWS = 3
RATE = 1e-2
ALL_RANK = 4
"""LoRA rank when every layer is adapted; k of L layers get rank ALL_RANK L / k."""


def tuning(preset: Preset, model: str, task: str) -> Step:
    """Runs of ``model`` on ``task`` for each placement and seed."""
    options = {
        "samples": 2 * preset.num_samples,
        "steps": preset.steps,
        "seeds": preset.finetune_seeds,
    }
    needs = {"predicted": card(preset, model, task), "priced": card(preset, model, preset.data[0])}
    return on_task("tuning", tune, preset, model, task, options, needs=needs)


def tunings(preset: Preset, model: str) -> dict[str, Step]:
    """Runs of one model on every task of the preset."""
    return {f"{label(model)} {label(task)}": tuning(preset, model, task) for task in preset.data}


def tune(
    model: str,
    task: str,
    samples: int,
    steps: int,
    seeds: int,
    device: str,
    dtype: str | None,
    seed: int,
    predicted: Data,
    priced: Data,
) -> Data:
    """One row for each placement and seed: what it gained, how long it took, what it kept.

    Three quarters of the examples are trained on; the held-out loss is measured on the others.
    Seeds are the outer loop, so that a slower machine slows all placements alike.
    """
    from realmodel.finetuning import FinetuneOptions, finetune, target_modules
    from realmodel.model.modules import find_modules

    checkpoint = load_model(model, dtype=dtype, device=device, attention="sdpa")
    split = split_task(checkpoint, task, samples=samples, max_length=256, seed=seed)
    table = find_modules(checkpoint.model)
    rows: list[dict[str, Any]] = []
    # The first run of a process pays for what torch sets up once: it is not one of those timed.
    warm_up = FinetuneOptions(rank=ALL_RANK, alpha=2.0 * ALL_RANK, learning_rate=RATE, steps=1)
    loss_before = finetune(
        checkpoint, split.training, split.heldout, target_modules(table), warm_up
    ).loss_before
    for run in range(seeds):
        for name, layers in _placements(predicted, table.layers, seed).items():
            rank = ALL_RANK * len(table.layers) // len(layers)
            result = finetune(
                checkpoint,
                split.training,
                split.heldout,
                target_modules(table, layers=layers),
                FinetuneOptions(
                    rank=rank, alpha=2.0 * rank, learning_rate=RATE, steps=steps, seed=run
                ),
                loss_before=loss_before,
            )
            rows.append(
                {
                    "placement": name,
                    "layers": list(layers),
                    "seed": run,
                    "rank": rank,
                    "gain": result.gain,
                    "seconds": result.seconds,
                    "parameters": result.trainable_parameters,
                    "memory_bytes": _memory(priced, table.layers, layers, result),
                }
            )
    return {
        "model": label(model),
        "task": label(task),
        "loss_before": loss_before,
        "depth": len(table.layers),
        "rows": rows,
    }


def _placements(predicted: Data, layers: tuple[int, ...], seed: int) -> dict[str, tuple[int, ...]]:
    """The card's placements under short names, random ones, and all layers."""
    import numpy as np

    rng = np.random.default_rng([seed, len(layers)])
    size = predicted["size"]
    found = {
        name.removesuffix("-k"): tuple(point["layers"])
        for name, point in predicted["placements"].items()
    }
    for draw in range(RANDOM_DRAWS):
        chosen = rng.choice(len(layers), size=size, replace=False)
        found[f"random {draw + 1}"] = tuple(layers[int(i)] for i in np.sort(chosen))
    return {"all": layers, **found}


def _memory(priced: Data, depth: tuple[int, ...], layers: tuple[int, ...], result: Any) -> float:
    """Bytes kept for backward by the card's count, plus gradients and optimiser state.

    The card counts for one rank; its adapters' state is exchanged for that of this run.
    """
    from realmodel.card import DeviceCosts
    from realmodel.costs.counted import OPTIMISER_BYTES

    costs = DeviceCosts.from_dict(priced["card"]["costs"])
    positions = [depth.index(layer) for layer in layers]
    state = OPTIMISER_BYTES * costs.parameters.of(positions)
    return costs.memory.of(positions) - state + OPTIMISER_BYTES * result.trainable_parameters

"""Single layers trained for ever longer runs, as a step: how soon a layer has its gain."""

from paper_figures.preset import Preset, label
from paper_figures.step import Data, Step
from paper_figures.steps.on_task import on_task
from paper_figures.steps.saved import named
from paper_figures.steps.source import load_model
from paper_figures.steps.split import split_task

LAYERS = 4
"""Of the model, evenly spread; each is trained once for every length of run."""
PROTOCOL = {"rank": 8, "alpha": 16.0, "learning_rate": 1e-2, "batch_size": 8}
"""That of the cards of :mod:`paper_figures.steps.card`."""


def single_layers(preset: Preset) -> Step:
    """Runs of the first model on the first task, of its card where one was given."""
    model, task, protocol = preset.models[0], preset.data[0], PROTOCOL
    steps = preset.steps
    if preset.cards:
        found = named(preset.cards[0], "card")
        model, task = found["model"]["source"], found["data"]["source"]
        steps = found["protocol"]["steps"]
        protocol = {name: found["protocol"][name] for name in PROTOCOL}
    options = {
        "samples": 2 * min(preset.num_samples, 64),
        "steps": [1 << at for at in range(steps.bit_length()) if 1 << at < steps] + [steps],
        "protocol": protocol,
    }
    return on_task("single-layers", run, preset, model, task, options)


def run(
    model: str,
    task: str,
    samples: int,
    steps: list[int],
    protocol: dict[str, float],
    device: str,
    dtype: str | None,
    seed: int,
) -> Data:
    """Held-out gain of each of a few layers alone after runs of each number of steps.

    Every run has a schedule of its own that falls to zero, as a planned run of that length has.

    Parameters
    ----------
    model, task : str
        Checkpoint and data file.
    samples : int
        Sequences to draw, training and held-out ones together.
    steps : list of int
        Lengths of the runs.
    protocol : mapping of str to float
        The other options of :class:`realmodel.FinetuneOptions`.
    device, dtype, seed
        As in :class:`paper_figures.preset.Preset`.

    Returns
    -------
    Data
        JSON: ``loss_before`` and one of ``rows`` for each layer and length, with its ``gain``, in
        nats per completion token.
    """
    from realmodel.finetuning import FinetuneOptions, finetune, target_modules
    from realmodel.model.modules import find_modules
    from realmodel.placement.structured import structured_placements

    checkpoint = load_model(model, dtype=dtype, device=device, attention="sdpa")
    split = split_task(checkpoint, task, samples=samples, max_length=128, seed=seed)
    table = find_modules(checkpoint.model)
    chosen = structured_placements(table.layers, min(LAYERS, len(table.layers)))["uniform-k"]
    before: float | None = None
    rows: list[Data] = []
    for layer in chosen:
        for length in steps:
            result = finetune(
                checkpoint,
                split.training,
                split.heldout,
                target_modules(table, layers=(layer,)),
                FinetuneOptions(**protocol, steps=length, seed=seed),  # type: ignore[arg-type]
                loss_before=before,
            )
            before = result.loss_before
            rows.append({"layer": layer, "steps": length, "gain": result.gain})
    return {"model": label(model), "task": label(task), "loss_before": before, "rows": rows}

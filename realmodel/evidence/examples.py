"""Where the examples of a comparison come from: files, or the demo task."""

from collections.abc import Callable
from pathlib import Path

from realmodel.datasets import Example, ReadOptions, read_examples
from realmodel.datasets.split import split_by_prompt
from realmodel.demo import examples as demo_examples
from realmodel.evidence.options import CompareOptions
from theory import InputError

SPARE = 4
"""Examples read per example wanted, since long ones are left out afterwards."""


def task_examples(
    model: str,
    data: Path | None,
    heldout: Path | None,
    options: CompareOptions,
    reading: ReadOptions | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[str, tuple[Example, ...], tuple[Example, ...]]:
    """Name, training and held-out examples.

    Parameters
    ----------
    model : str
        As given; ``demo:...`` without data means the demo task.
    data, heldout : Path or None
        Files; without held-out data a fifth of the prompts is held out.
    options : CompareOptions
        Sample sizes and seed.
    reading : ReadOptions, optional
        Columns of the data, and what is trained.
    tell : callable, optional
        Told which columns are read.

    Raises
    ------
    InputError
        When there is no data for a model that is not embedded.
    """
    wanted = SPARE * options.training_samples
    if data is None:
        if not model.startswith("demo:"):
            raise InputError(f"model {model!r} needs data to train on")
        training = demo_examples(options.training_samples, seed=options.seed)
        held = demo_examples(SPARE * options.heldout_samples, seed=options.seed + 1)
        return "demo", training, held
    name = data.name.removesuffix(".gz")
    training = read_examples(data, at_most=wanted, seed=options.seed, options=reading, tell=tell)
    if heldout is None:
        return name, *split_by_prompt(training, seed=options.seed)
    held = read_examples(
        heldout,
        at_most=SPARE * options.heldout_samples,
        seed=options.seed,
        options=(reading or ReadOptions()).of_other_data(heldout),
    )
    return name, training, held


def other_text(path: Path, options: CompareOptions) -> tuple[Example, ...]:
    """Examples of another kind than the task's, enough for its held-out sample."""
    return read_examples(path, at_most=SPARE * options.heldout_samples, seed=options.seed)

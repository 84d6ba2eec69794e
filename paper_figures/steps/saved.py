"""Cards and comparisons that were measured before, read as the steps that would measure them."""

import hashlib
import json
from pathlib import Path

from paper_figures.preset import label
from paper_figures.step import Data, Step
from theory import InputError


def saved_cards(paths: tuple[str, ...], *, fronts: bool = False) -> dict[str, Step]:
    """One step for each ``card.json``, by the model and the task that it is of.

    Parameters
    ----------
    paths : tuple of str
    fronts : bool
        With the Pareto fronts, which take longest.

    Raises
    ------
    InputError
        A file that cannot be read, or two cards of one model and one task.
    """
    steps: dict[str, Step] = {}
    for path in paths:
        found = named(path, "card")
        name = f"{label(found['model']['source'])} {label(found['data']['source'])}"
        if name in steps:
            raise InputError(f"{path!r} is a second card of {name}: give one of each")
        step = f"card-{name.replace(' ', '-')}{'-fronts' if fronts else ''}"
        options = {"path": path, "fronts": fronts}
        steps[name] = Step(step, read_card, options, {"card": _digest(path)})
    return steps


def saved_comparisons(paths: tuple[str, ...]) -> dict[str, Step]:
    """One step for each ``comparison.json``, by the model and the task that it is of.

    Parameters
    ----------
    paths : tuple of str

    Raises
    ------
    InputError
        A file that cannot be read or is no comparison.
    """
    steps: dict[str, Step] = {}
    for path in paths:
        found = named(path, "comparison")
        name = f"{label(found['model'])} {label(found['task'])}"
        step = f"compare-{name.replace(' ', '-')}"
        steps[name] = Step(step, read_comparison, {"path": path}, {"comparison": _digest(path)})
    return steps


def read_card(path: str, fronts: bool) -> Data:
    """A card with its placements, as :func:`paper_figures.steps.card.measure` gives it."""
    from paper_figures.steps.card import described
    from realmodel.card.layer_card import LayerCard

    made = LayerCard.load(path)
    names = label(made.model["source"]), label(made.data["source"])
    return described(made, *names, fronts=fronts)


def read_comparison(path: str) -> Data:
    """A comparison as :func:`paper_figures.steps.comparison.run` gives it."""
    from realmodel.evidence import recorded

    found = recorded.read_comparison(Path(path))
    return {"model": label(found["model"]), "task": label(found["task"]), "comparison": found}


def named(path: str, kind: str) -> Data:
    """The record in a file, which must have the keys of a card or a comparison.

    Raises
    ------
    InputError
        Otherwise.
    """
    keys = {"card": ("model", "data", "layers"), "comparison": ("model", "task", "runs")}[kind]
    try:
        found = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the {kind} {path!r}: {error}") from error
    if not isinstance(found, dict) or any(key not in found for key in keys):
        raise InputError(f"{path!r} is no {kind}: it lacks {', '.join(keys)}")
    return found


def _digest(path: str) -> str:
    return f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"

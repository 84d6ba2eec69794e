"""A step that runs one model on one task."""

from collections.abc import Callable, Mapping
from typing import Any

from paper_figures.preset import Preset, label
from paper_figures.step import Data, Step
from paper_figures.steps.source import data_digest, model_digest


def on_task(
    kind: str,
    function: Callable[..., Data],
    preset: Preset,
    model: str,
    task: str,
    options: Mapping[str, Any],
    **more: Any,
) -> Step:
    """A step called ``kind-MODEL-TASK``, whose key knows the files of both.

    Parameters
    ----------
    kind : str
    function : callable
        Called with ``options``, model, task, device, dtype and seed.
    preset : Preset
        Of the last three.
    model, task : str
        By their sources.
    options : mapping
        What else it is called with.
    **more
        Of :class:`Step`: ``needs``, ``resumes``.
    """
    where = {"device": preset.device, "dtype": preset.dtype, "seed": preset.seed}
    return Step(
        f"{kind}-{label(model)}-{label(task)}",
        function,
        {"model": model, "task": task, **options, **where},
        {"model": model_digest(model), "task": data_digest(task)},
        **more,
    )

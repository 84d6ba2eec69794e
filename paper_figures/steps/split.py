"""Examples of a task, three quarters to train on and the others to measure on."""

from typing import TYPE_CHECKING, Any

from paper_figures.preset import label
from paper_figures.steps.source import load_examples

if TYPE_CHECKING:
    from realmodel.evidence.task import Task


def split_sizes(samples: int) -> dict[str, int]:
    """Both parts, as options of a comparison.

    Examples
    --------
    >>> split_sizes(10)
    {'training_samples': 7, 'heldout_samples': 3}
    """
    training = 3 * samples // 4
    return {"training_samples": training, "heldout_samples": samples - training}


def split_task(checkpoint: Any, task: str, *, samples: int, max_length: int, seed: int) -> "Task":
    """The task, encoded for a checkpoint; longer sequences are left out."""
    from realmodel.evidence.options import CompareOptions
    from realmodel.evidence.task import Task

    examples, sizes = load_examples(task, samples, seed=seed), split_sizes(samples)
    cut = sizes["training_samples"]
    options = CompareOptions(
        training_samples=cut, heldout_samples=sizes["heldout_samples"], max_length=max_length
    )
    return Task.from_examples(label(task), checkpoint, examples[:cut], examples[cut:], options)

"""Examples of a task, three quarters to train on and the others to measure on."""

from typing import TYPE_CHECKING, Any

from paper_figures.steps.source import load_examples

if TYPE_CHECKING:
    from realmodel.evidence.task import Task


def split_task(checkpoint: Any, task: str, *, samples: int, max_length: int, seed: int) -> "Task":
    """The task, encoded for a checkpoint; longer sequences are left out."""
    from realmodel.evidence.options import CompareOptions
    from realmodel.evidence.task import Task

    examples = load_examples(task, samples, seed=seed)
    cut = 3 * len(examples) // 4
    options = CompareOptions(
        training_samples=cut, heldout_samples=samples - cut, max_length=max_length
    )
    return Task.from_examples(task, checkpoint, examples[:cut], examples[cut:], options)

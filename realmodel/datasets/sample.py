"""Read a sample of a file, or all of it when it is smaller."""

from pathlib import Path

from realmodel.datasets import Example, read_examples


def read_at_most(path: Path, count: int | None, *, seed: int) -> tuple[Example, ...]:
    """``count`` examples drawn with ``seed``, or all of them in file order.

    Raises
    ------
    InputError
        As :func:`realmodel.datasets.read_examples`.
    """
    examples = read_examples(path)
    if count is None or count >= len(examples):
        return examples
    return read_examples(path, num_samples=count, seed=seed)

"""Read a sample of a data set, or all of it when it is smaller."""

from collections.abc import Callable
from pathlib import Path

from realmodel.datasets import Example, ReadOptions, read_examples


def read_at_most(
    path: Path,
    count: int | None,
    *,
    seed: int,
    options: ReadOptions | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[Example, ...]:
    """``count`` examples drawn with ``seed``, or all of them in file order.

    Raises
    ------
    InputError
        As :func:`realmodel.datasets.read_examples`.
    """
    return read_examples(path, at_most=count, seed=seed, options=options, tell=tell)

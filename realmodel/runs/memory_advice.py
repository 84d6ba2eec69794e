"""Turn running out of memory into one line that names the option to use."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from theory import InputError


@contextmanager
def memory_advice(stage: str, batch_size: int) -> Generator[None]:
    """Re-raise an out-of-memory error of any device as :class:`theory.InputError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        named = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not named and "allocate memory" not in str(error):
            raise
        smaller = f"a batch size of {batch_size // 2}, " if batch_size > 1 else ""
        raise InputError(
            f"out of memory in the {stage} stage: try {smaller}4 partitions (modules in groups) or "
            "offloading the sums to the host; an estimate shows the sizes before anything runs"
        ) from error

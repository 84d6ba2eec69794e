"""A command's folders are its own until it ends."""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path

from realmodel.runs.output_folder import claimed

_held: ContextVar[ExitStack] = ContextVar("_held")


@contextmanager
def releasing() -> Generator[None]:
    """Release at the end what the command within the block has claimed."""
    with ExitStack() as stack:
        before = _held.set(stack)
        try:
            yield
        finally:
            _held.reset(before)


def claim(*folders: Path | None) -> None:
    """Refuse folders that cannot be written, or that another command writes to just now.

    Of the processes of ``torchrun``, which share them, the first claims for all.

    Raises
    ------
    InputError
        As :func:`realmodel.runs.output_folder.claimed`.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK", "0") == "0":
        _held.get().enter_context(claimed(*folders))

"""A command's folders are its own until it ends."""

import os
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path

from realmodel.runs.output_folder import claimed
from theory import InputError

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


def claim(*folders: Path | None, files: Iterable[str] = ()) -> None:
    """Refuse folders that cannot be written, or that another command writes to just now.

    Of the processes of ``torchrun``, which share them, the first claims for all.

    Parameters
    ----------
    folders : Path or None
    files : iterable of str
        Names that the command will write in the first of them.

    Raises
    ------
    InputError
        As :func:`realmodel.runs.output_folder.claimed`, or where a folder has a file's name.
    """
    for name in files:
        if folders[0] is not None and os.path.isdir(path := folders[0] / name):
            raise InputError(f"{str(path)!r} is a folder: move it, a file of that name is written")
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK", "0") == "0":
        _held.get().enter_context(claimed(*folders))

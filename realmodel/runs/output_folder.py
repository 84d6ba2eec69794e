"""Whether a folder can be written, asked before hours of work, and no second command in it."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from theory import InputError
from theory.whole_file import remove_abandoned

TAKEN = (errno.EWOULDBLOCK, errno.EACCES)


def output_folder(path: str | Path) -> Path:
    """The folder, after a file was made in it and removed; nothing is left behind.

    Parameters
    ----------
    path : path
        It need not exist: the folders above it that are missing are made and removed again.

    Raises
    ------
    InputError
        If a file cannot be made there: under a file, in a read-only folder, a name too long.
    """
    with _writable(Path(path)) as folder:
        return folder


@contextmanager
def claimed(*paths: str | Path | None) -> Generator[None]:
    """Within the block these folders exist, and no other process can claim them.

    The kernel holds the lock, on the folder itself: it ends with the process, however that ends,
    and leaves no file. What killed processes were writing there is removed, and at the end a
    folder that is empty, if it was made here.

    Parameters
    ----------
    *paths : path or None
        None is passed over, and a folder named twice is one.

    Raises
    ------
    InputError
        As :func:`output_folder`; and if another process has claimed one of them.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as home, claimed(home):
    ...     with claimed(home):
    ...         pass
    Traceback (most recent call last):
    ...
    theory.errors.InputError: another command is writing to ...: wait for it, or choose another...
    """
    with ExitStack() as stack:
        taken: set[Path] = set()
        for path in paths:
            if path is not None:
                folder = stack.enter_context(_writable(Path(path)))
                if folder.resolve() not in taken:
                    taken.add(folder.resolve())
                    stack.callback(os.close, _locked(folder))
                    remove_abandoned(folder)
        yield


def _locked(folder: Path) -> int:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            os.close(handle)
            raise InputError(
                f"another command is writing to {str(folder)!r}: wait for it, or choose another "
                "folder"
            ) from None
        # A file system without locks on folders (NFS): as before there were any.
    return handle


@contextmanager
def _writable(folder: Path) -> Generator[Path]:
    made: list[Path] = []
    try:
        try:
            for parent in [*reversed(folder.parents), folder]:
                if not parent.exists():
                    with suppress(FileExistsError):  # by another process, just now
                        parent.mkdir()
                        made.append(parent)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"cannot write to the output folder {str(folder)!r:.300}: {reason}; choose another"
            ) from error
        yield folder
    finally:
        for parent in reversed(made):
            with suppress(OSError):  # it holds something now
                parent.rmdir()

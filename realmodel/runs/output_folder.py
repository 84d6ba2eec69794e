"""Whether a folder can be written, asked before hours of work."""

import tempfile
from contextlib import suppress
from pathlib import Path

from theory import InputError


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
    folder = Path(path)
    made: list[Path] = []
    try:
        for parent in [*reversed(folder.parents), folder]:
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot write to the output folder {str(folder)!r}: {reason}; choose another"
        ) from error
    finally:
        for parent in reversed(made):
            with suppress(OSError):  # another process has put something there meanwhile
                parent.rmdir()
    return folder

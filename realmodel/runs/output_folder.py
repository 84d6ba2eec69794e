"""Can results be written where they should go? Asked before hours of work."""

import os
import tempfile
from pathlib import Path

from theory import InputError


def check_writable(folder: str | Path) -> Path:
    """Write, rename and remove a file in the folder, or in the nearest one above that exists.

    Nothing is left behind, and the folder itself is not made.

    Returns
    -------
    Path
        Where it was tried.

    Raises
    ------
    InputError
        If the path, or one above it, is a file or cannot be written.

    Examples
    --------
    >>> check_writable("/proc/version/out")
    Traceback (most recent call last):
    ...
    theory.errors.InputError: output folder '/proc/version/out': '/proc/version' is a file
    """
    nearest = Path(folder).absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        raise InputError(f"output folder {str(folder)!r}: {str(nearest)!r} is a file")
    try:
        with tempfile.TemporaryDirectory(dir=nearest) as trial:
            path = Path(trial, "partial")
            path.write_text("layercard")
            os.replace(path, Path(trial, "final"))
    except OSError as error:
        raise InputError(
            f"output folder {str(folder)!r} cannot be written ({nearest}: "
            f"{error.strerror or error}): choose another"
        ) from error
    return nearest

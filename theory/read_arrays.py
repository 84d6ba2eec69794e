"""Arrays of a ``.npz`` that a stranger may have written: no pickle, and no more than is there."""

import os
import stat
import zipfile

import numpy as np

from theory.errors import InputError


def read_arrays(
    path: str | os.PathLike[str], names: tuple[str, ...], what: str
) -> dict[str, np.ndarray]:
    """The named arrays of numbers.

    Parameters
    ----------
    path
    names
        All must be there.
    what
        What the file should be, for the message.

    Raises
    ------
    InputError
        If it is no regular file (a pipe would hang), is no such archive, lacks an array, holds
        something other than numbers, or is compressed: ours are not, and a small file could then
        fill the memory.

    Examples
    --------
    >>> read_arrays("absent.npz", ("x",), "world")
    Traceback (most recent call last):
    ...
    theory.errors.InputError: cannot read a world from 'absent.npz': No such file or directory
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError("it is not a regular file")
        with open(path, "rb") as stream:  # opened here: NumPy leaves a cut archive open
            with zipfile.ZipFile(stream) as archive:
                if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                    raise InputError("it is compressed")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as stored:
                found = {name: np.asarray(stored[name]) for name in names}
        if odd := [name for name in names if found[name].dtype.kind not in "fiu"]:
            raise InputError(f"{odd[0]} holds no real numbers")
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        MemoryError,
        SyntaxError,
        NotImplementedError,
        zipfile.BadZipFile,
    ) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read a {what} from {str(path)!r}: {reason}") from error
    return found

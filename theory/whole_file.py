"""Files appear whole or not at all, and leave nothing behind."""

import json
import os
import re
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from theory.errors import InputError

ABANDONED = re.compile(r"\..+\.([0-9]{1,9})\.part(?:\.[^.]*)?")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Generator[Path]:
    """Within the block, write to the path given; leaving it replaces ``path`` in one step.

    The temporary file stands beside ``path`` under the number of this process, so that what a
    killed process left is known and removed by the next one that writes here.

    Parameters
    ----------
    path
        The file; its folder is made.

    Yields
    ------
    Path
        With the suffix of ``path``.

    Raises
    ------
    InputError
        The folder cannot be made, or the file not be written: nothing is left then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "sub", "a.txt")) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     [p.name for p in Path(folder, "sub").iterdir()]
    ['a.txt']
    """
    target = Path(path)
    try:
        temporary = beside(target)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write {str(target)!r:.300}: {error.strerror or error}; choose another place "
            "or free some space"
        ) from error


def write_whole(path: str | os.PathLike[str], data: str | bytes) -> Path:
    """Write text (UTF-8; lone surrogates escaped) or bytes; returns the path.

    Raises
    ------
    InputError
        As :func:`replacing`.
    """
    content = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def write_json(path: str | os.PathLike[str], record: Mapping[str, Any]) -> Path:
    """Write a JSON record; NaN and infinity are refused before anything is written."""
    return write_whole(path, json.dumps(record, indent=2, allow_nan=False) + "\n")


def beside(target: Path) -> Path:
    """Where this process writes what will replace ``target``; its folder is made.

    What killed processes left in the folder is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(target.parent)
    return target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes were writing in a folder, and nothing that a living one is."""
    for left in folder.glob(".*.part*"):
        found = ABANDONED.fullmatch(left.name)
        if found is not None and not _running(int(found[1])):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)


def _running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True

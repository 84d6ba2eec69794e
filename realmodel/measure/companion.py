"""A file of arrays beside a card, which knows it by the digest of its numbers."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from theory import InputError
from theory.read_arrays import read_arrays

Held = TypeVar("Held")


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An ``.npz`` file (no pickle inside)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_companion(
    path: Path,
    digest: str | None,
    names: tuple[str, ...],
    what: str,
    build: Callable[[Mapping[str, np.ndarray]], Held],
    digest_of: Callable[[Held], str],
) -> Held | None:
    """Read the file that a card names; ``None`` where it names none or the file is gone.

    Raises
    ------
    InputError
        If the file is there but corrupt or of another card.

    Examples
    --------
    >>> read_companion(Path("absent.npz"), "a digest", ("x",), "replicates", dict, str)
    """
    if digest is None or not path.exists():
        return None
    try:
        held = build(read_arrays(path, names, f"card's {what}"))
    except (ValueError, TypeError, MemoryError) as error:
        raise InputError(f"corrupt {what} {str(path)!r}: {error}; remove the file") from error
    if digest_of(held) != digest:
        raise InputError(
            f"{str(path)!r} belongs to another card: keep card.json and {path.name} together"
        )
    return held

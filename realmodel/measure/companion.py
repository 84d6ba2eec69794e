"""A file of arrays beside a card, which knows it by the digest of its numbers."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from theory import InputError
from theory.read_arrays import read_arrays


class Companion(Protocol):
    """What such a file holds."""

    @property
    def digest(self) -> str:
        """Of the numbers."""
        ...


Held = TypeVar("Held", bound=Companion)


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An ``.npz`` file (no pickle inside)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_companion(
    path: Path,
    digest: str | None,
    names: tuple[str, ...],
    what: str,
    build: Callable[[Mapping[str, np.ndarray]], Held],
) -> Held | None:
    """Read the file that a card names; ``None`` where it names none or the file is gone.

    Raises
    ------
    InputError
        If the file is there but corrupt or of another card.

    Examples
    --------
    >>> read_companion(Path("absent.npz"), "a digest", ("x",), "replicates", lambda stored: None)
    """
    if digest is None or not path.exists():
        return None
    try:
        held = build(read_arrays(path, names, f"card's {what}"))
    except (ValueError, TypeError, MemoryError) as error:
        raise InputError(f"corrupt {what} {str(path)!r}: {error}; remove the file") from error
    if held.digest != digest:
        raise InputError(
            f"{str(path)!r} belongs to another card: keep card.json and {path.name} together"
        )
    return held

"""Rows of named fields with their places, whatever file they came from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from theory import InputError


@dataclass(frozen=True)
class Table:
    """A data set before anyone knows which of its columns are trained.

    Parameters
    ----------
    source : str
        As the user gave it, for messages.
    name : str
        For example ids.
    unit : {"line", "row"}
        What the numbers count.
    rows : iterable of (int, value)
        Each row with its number, from 1; checked to be a mapping when it is used.
    """

    source: str
    name: str
    unit: str
    rows: Iterable[tuple[int, Any]]

    def error(self, number: int, problem: str) -> InputError:
        """An error that names the source and the row."""
        return InputError(f"{self.source}: {self.unit} {number}: {problem}")

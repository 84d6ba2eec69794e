"""A limit on the time of a search."""

from dataclasses import dataclass, field
from time import monotonic

from theory.errors import InputError


@dataclass(frozen=True)
class Clock:
    """Runs from when it is made.

    Parameters
    ----------
    seconds : float
        How long; infinity for no limit.

    Raises
    ------
    InputError
        Not above 0.
    """

    seconds: float | int = float("inf")
    start: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise InputError(f"time_limit must be above 0 seconds, not {self.seconds}")

    @property
    def left(self) -> float:
        """Seconds left, above 0 in any case."""
        return max(self.seconds - (monotonic() - self.start), 1e-9)

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return monotonic() - self.start > self.seconds

"""One ratio: what was timed, against what, and the target."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """Seconds of a function of the library beside those of its yardstick.

    Parameters
    ----------
    name, reference
        What was timed, and against what.
    seconds, reference_seconds
        Each the least of its repetitions.
    ratio
        As the target reads: library over yardstick, or yardstick over library (a speed-up).
    target
        What the ratio should be.
    met
        Whether it is, and the time limit is kept where there is one.
    """

    name: str
    reference: str
    seconds: float
    reference_seconds: float
    ratio: float
    target: str
    met: bool


def seconds_of(function: Callable[[], Any], repetitions: int) -> float:
    """Least wall-clock time of a call."""
    times: list[float] = []
    for _ in range(repetitions):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return min(times)

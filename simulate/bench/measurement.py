"""One ratio: what was timed, against what, and the target."""

from collections.abc import Callable
from dataclasses import dataclass
from time import thread_time
from typing import Any

TICK = 1e-9  # seconds: the clock's own, so that no ratio divides by zero


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
    """Least processor time of a call in this thread: what a busy machine does not disturb.

    With one BLAS thread (``OMP_NUM_THREADS=1``) it is the wall-clock time of an idle machine.
    """
    times: list[float] = []
    for _ in range(repetitions):
        start = thread_time()
        function()
        times.append(thread_time() - start)
    return min(times)

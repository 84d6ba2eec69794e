"""How long a piece of work takes on a device: one way to time it, and the fastest of several."""

import time
from collections.abc import Callable

import torch

Clock = Callable[[], float]
"""Seconds: ``time.perf_counter``, or ``time.process_time`` where others use the processor too."""


def clock_of(device: torch.device | str) -> Clock:
    """For long work: processor time on a CPU, which others may use too; else wall time.

    Examples
    --------
    >>> clock_of("cpu") is time.process_time
    True
    """
    return time.process_time if torch.device(device).type == "cpu" else time.perf_counter


def elapsed(
    run: Callable[[], object], device: torch.device | str, clock: Clock = time.perf_counter
) -> float:
    """Seconds of one run, the device's queue drained before and after.

    Examples
    --------
    >>> elapsed(lambda: None, "cpu") < 1
    True
    """
    _drain(torch.device(device))
    start = clock()
    run()
    _drain(torch.device(device))
    return clock() - start


def fastest(
    run: Callable[[], object],
    device: torch.device | str,
    seconds: float,
    *,
    clock: Clock = time.perf_counter,
    at_most: int = 50,
) -> float:
    """Fastest of the runs that fit in about ``seconds``; of one that takes longer, its own time.

    The minimum, because other work on the machine can only add to a run.
    """
    begin, times = clock(), [elapsed(run, device, clock)]
    while clock() - begin < seconds and len(times) < at_most:
        times.append(elapsed(run, device, clock))
    return min(times)


def _drain(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

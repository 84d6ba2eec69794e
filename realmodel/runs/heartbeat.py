"""A sibling process that is frozen, or lost with its machine: nothing but its silence tells."""

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

import torch.distributed as dist

BEAT = 4.0
MISSED = 10
"""Seconds between two beats, and how many a sibling may miss: swapping takes a few."""

LEFT = 10**9
"""Added to the beats of a process that has left the block: it may be silent."""


@contextmanager
def watched() -> Generator[None]:
    """End this process with exit code 2 when another of its group falls silent within the block.

    A collective that waits for it cannot be interrupted, and its own timeout would have to outlast
    every stage that one process does alone.
    """
    rank, size = dist.get_rank(), dist.get_world_size()
    beats, left = [0] * size, threading.Event()

    def tell() -> None:
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        try:
            store = dist.TCPStore(host, port, is_master=False)  # type: ignore[attr-defined]
            while not left.wait(BEAT):
                store.add(f"layercard/{rank}", 1)
                for other in range(size):
                    beats[other] = store.add(f"layercard/{other}", 0)
            store.add(f"layercard/{rank}", LEFT)
        except (RuntimeError, dist.DistError):  # ended, not silent: the collectives say so
            left.set()

    def watch() -> None:
        # Looks are counted, and no seconds: a process that was itself stopped has missed none.
        seen, missed = list(beats), [0] * size
        while not left.wait(BEAT):
            for other in {*range(size)} - {rank}:
                silent = beats[other] == seen[other] < LEFT
                missed[other] = missed[other] + 1 if silent else 0
                seen[other] = beats[other]
                if missed[other] == MISSED:
                    _end(other)

    threads = [threading.Thread(target=work, daemon=True) for work in (tell, watch)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        left.set()
        threads[0].join(BEAT)  # a frozen host of the store never answers


def _end(other: int) -> None:
    print(
        f"error: process {other} of this run has been silent for {BEAT * MISSED:.0f} s: it is "
        "frozen, or its machine is gone; end what is left of it and start the run again; it "
        "continues from its resume folder, if it has one",
        file=sys.stderr,
        flush=True,
    )
    os._exit(2)

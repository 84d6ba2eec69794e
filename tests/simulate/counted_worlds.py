"""A sweep to kill: every point leaves a trace of being computed, then takes a moment."""

import os
import sys
import time

from simulate.linear_gaussian import linear_gaussian_world
from simulate.sweep import sweep


def measure(point, rng):
    world = linear_gaussian_world(rng, layers=4, dimension=2, strength=point["strength"])
    trace = os.open(os.environ["TRACE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(trace, f"{point['strength']}\n".encode())
    os.close(trace)
    time.sleep(float(os.environ.get("PAUSE", "0")))
    return [{**point, "gain": world.quadratic.gain()}]


POINTS = [{"strength": index / 50} for index in range(40)]

if __name__ == "__main__":
    # Imported by name, so that the workers and the test see the same function.
    sys.path.insert(0, os.path.dirname(__file__))
    import counted_worlds

    sweep(
        counted_worlds.measure,
        counted_worlds.POINTS,
        seed=7,
        workers=int(sys.argv[2]),
        journal=sys.argv[1],
    )

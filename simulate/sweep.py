"""Many worlds: on every core or a cluster, resumable, with the same numbers whatever runs them."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.random import Generator, SeedSequence

from simulate.journal import Journal, Row
from simulate.workers import parallel

Point = Mapping[str, Any]
Measure = Callable[[Point, Generator], list[Row]]
Progress = Callable[[int, int], object]


def sweep(
    measure: Measure,
    points: Sequence[Point],
    *,
    seed: int,
    workers: int = 1,
    dask: str | None = None,
    journal: str | Path | None = None,
    progress: Progress | None = None,
) -> list[Row]:
    """Measure every point and return the rows in the order of the points.

    Point number i gets the generator of ``SeedSequence(seed, spawn_key=(i,))``, so that its
    numbers depend on neither the workers nor the order in which points finish.

    Parameters
    ----------
    measure
        Takes a point and a generator, returns rows of JSON values; defined at the top level of a
        module, since other processes import it.
    points
        The JSON values that tell one point from another.
    seed
        Root of every point's seed.
    workers, dask
        See :func:`simulate.workers.parallel`.
    journal
        File that keeps finished points; when it exists, they are read, not computed again.
    progress
        Called with (finished, total) at the start and after each point.

    Raises
    ------
    InputError
        If the journal belongs to another sweep, or what :func:`simulate.workers.parallel` raises.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> def measure(point, rng):
    ...     return [{"twice": 2 * point["x"]}]
    >>> sweep(measure, [{"x": 1}, {"x": 5}], seed=0)
    [{'twice': 2}, {'twice': 10}]
    """
    total = len(points)
    if journal is None:
        finished: dict[int, list[Row]] = {}
        _run(measure, points, seed, workers, dask, finished, finished.__setitem__, progress)
    else:
        with Journal(journal, _identity(measure, points, seed)) as record:
            _run(measure, points, seed, workers, dask, record.finished, record.add, progress)
            finished = record.finished
    return [row for index in range(total) for row in finished[index]]


def _run(
    measure: Measure,
    points: Sequence[Point],
    seed: int,
    workers: int,
    dask: str | None,
    finished: Mapping[int, list[Row]],
    add: Callable[[int, list[Row]], None],
    progress: Progress | None,
) -> None:
    report = progress or (lambda done, total: None)
    report(len(finished), len(points))
    left = [index for index in range(len(points)) if index not in finished]
    if not left:
        return
    with parallel(workers, dask) as run:
        tasks = (joblib.delayed(_measure)(measure, index, points[index], seed) for index in left)
        for index, rows in run(tasks):
            add(index, rows)
            report(len(finished), len(points))


def _measure(measure: Measure, index: int, point: Point, seed: int) -> tuple[int, list[Row]]:
    rng = np.random.default_rng(SeedSequence(seed, spawn_key=(index,)))
    return index, measure(point, rng)


def _identity(measure: Measure, points: Sequence[Point], seed: int) -> dict[str, Any]:
    """Everything that the numbers depend on; the source, since an edit changes them too."""
    source = hashlib.sha256(inspect.getsource(measure).encode()).hexdigest()[:16]
    return {
        "measure": f"{measure.__module__}.{measure.__qualname__}",
        "source": source,
        "version": version("layercard"),
        "numpy": np.__version__,
        "seed": seed,
        "points": [dict(point) for point in points],
    }

"""Where points are computed: this process, all cores, or an existing Dask cluster."""

import logging
import os
from collections.abc import Generator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import joblib

from theory import InputError
from theory.end_with_parent import end_with_parent

# Batches would hold finished points back, and a kill would lose them.
EACH_AS_IT_COMES: dict[str, Any] = {"return_as": "generator_unordered", "batch_size": 1}


@contextmanager
def parallel(workers: int, dask: str | None = None) -> Generator[Any]:
    """A ``joblib.Parallel`` that yields results as they come, in any order.

    Parameters
    ----------
    workers
        Processes on this machine; -1 for one for each core. Every process runs one BLAS thread,
        and ends when this one does, even when it is killed.
    dask
        Address of a Dask scheduler, such as ``tcp://host:8786``; it then replaces ``workers``.
        The cluster's workers need layercard installed.

    Raises
    ------
    InputError
        If ``workers`` is neither positive nor -1, dask is not installed, nothing answers at
        the address, or the scheduler goes; a worker that goes is made up for by the others.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> with parallel(1) as run:
    ...     sorted(run(joblib.delayed(abs)(x) for x in (-2, 1)))
    [1, 2]
    """
    if workers != -1 and workers < 1:
        raise InputError(f"workers is {workers}: give a positive number, or -1 for every core")
    if dask is None:
        with joblib.parallel_config(
            "loky", inner_max_num_threads=1, initializer=end_with_parent, initargs=(os.getpid(),)
        ):
            yield joblib.Parallel(n_jobs=workers, **EACH_AS_IT_COMES)
        return
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise InputError("dask is not installed: pip install 'layercard[dask]'") from None
    try:
        client = Client(dask, timeout=10, set_as_default=True)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"no Dask scheduler answers at {dask!r}: {error}") from None
    # Its report of a lost scheduler is a traceback; ours is a sentence.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        with client, joblib.parallel_config("dask"):
            yield joblib.Parallel(n_jobs=-1, **EACH_AS_IT_COMES)
    except (CancelledError, KilledWorker) as error:
        lost = "workers died on one task" if isinstance(error, KilledWorker) else "it has gone"
        raise InputError(
            f"the Dask scheduler at {dask!r} gave up, for {lost}: see its log; what is finished is "
            "kept where the sweep has a journal"
        ) from None

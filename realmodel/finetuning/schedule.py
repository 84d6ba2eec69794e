"""Which sequences each optimiser step sees: a function of the seed alone, so a run resumes."""

from collections.abc import Sequence

import numpy as np

from realmodel.model.batches import EncodedExample


def batch_schedule(
    encoded: Sequence[EncodedExample], *, batch_size: int, steps: int, seed: int
) -> tuple[tuple[int, ...], ...]:
    """Indices of the sequences of every step, batches of similar length, epoch by epoch.

    Within an epoch every sequence is used at most once: the sequences are sorted by length
    (ties broken at random), cut into batches at a random offset, and the batches shuffled.

    Parameters
    ----------
    encoded : sequence of EncodedExample
        The training data; fewer than a batch means that every step sees them all.
    batch_size, steps, seed : int
        As in :class:`FinetuneOptions`.

    Returns
    -------
    tuple of tuple of int
        One tuple per step.
    """
    lengths = np.array([len(example.input_ids) for example in encoded])
    count = len(lengths)
    size = min(batch_size, count)
    generator = np.random.default_rng([seed, 0xBA7C4])
    chosen: list[tuple[int, ...]] = []
    while len(chosen) < steps:
        order = np.lexsort((generator.random(count), lengths))
        offset = int(generator.integers(count % size + 1))
        rows = order[offset : offset + count // size * size].reshape(-1, size)
        chosen.extend(tuple(row) for row in generator.permutation(rows).tolist())
    return tuple(chosen[:steps])

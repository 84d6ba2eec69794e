"""Subsets and groups of the sequences, drawn at random: neighbours in a file are alike."""

import numpy as np

STREAM = 0x5EED
"""Keeps these draws apart from others of the same seed."""


def random_order(count: int, seed: int) -> tuple[int, ...]:
    """The places ``0 .. count - 1`` in random order, the same for the same seed.

    Every subset and every grouping below is cut from this one order, so a smaller subset is part
    of a larger one, and every group holds its share of each.

    Examples
    --------
    >>> sorted(random_order(5, 0)), random_order(5, 0) == random_order(5, 0)
    ([0, 1, 2, 3, 4], True)
    """
    return tuple(np.random.default_rng([STREAM, seed]).permutation(count).tolist())


def random_subset(count: int, wanted: int, seed: int) -> tuple[int, ...]:
    """``wanted`` of the places ``0 .. count - 1`` at random, ascending; all when there are fewer.

    Examples
    --------
    >>> len(random_subset(100, 7, 0)), random_subset(3, 7, 0)
    (7, (0, 1, 2))
    >>> set(random_subset(100, 7, 0)) < set(random_subset(100, 8, 0))
    True
    """
    return tuple(sorted(random_order(count, seed)[:wanted]))


def random_groups(count: int, groups: int, seed: int) -> tuple[int, ...]:
    """The group of each place, ``0 .. groups - 1``: at random, sizes differing by one at most.

    Examples
    --------
    >>> from collections import Counter
    >>> sorted(Counter(random_groups(10, 4, 0)).values())
    [2, 2, 3, 3]
    """
    label = [0] * count
    for position, place in enumerate(random_order(count, seed)):
        label[place] = position % groups
    return tuple(label)

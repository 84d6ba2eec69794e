"""Placements that need no measurement: first, last, middle and uniformly spread layers."""

import math
from collections.abc import Sequence


def structured_placements(layers: Sequence[int], size: int) -> dict[str, tuple[int, ...]]:
    """First, last, middle and uniformly spread layers.

    Parameters
    ----------
    layers : sequence of int
        The model's layers, ascending.
    size : int
        Layers per placement.

    Examples
    --------
    >>> structured_placements(range(12), 4)["uniform-k"]
    (1, 4, 7, 10)
    """
    layers, count = tuple(layers), len(layers)
    start = (count - size) // 2
    # The centres of `size` equal stretches.
    centres = (math.floor((2 * i + 1) * count / (2 * size)) for i in range(size))
    return {
        "first-k": layers[:size],
        "last-k": layers[count - size :],
        "middle-k": layers[start : start + size],
        "uniform-k": tuple(layers[c] for c in centres),
    }

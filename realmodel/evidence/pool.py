"""The placements that are compared: every single layer, structured sets and random sets."""

import math
from collections.abc import Sequence

import numpy as np

from theory import InputError


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


def candidate_pool(
    layers: Sequence[int], *, size: int, count: int, seed: int
) -> dict[str, tuple[int, ...]]:
    """At most ``count`` distinct placements of ``size`` layers: structured, then random.

    Drawn before anything is measured, so that no score can have chosen them.

    Raises
    ------
    InputError
        When ``size`` is not between 1 and the number of layers, or ``count`` is too small.
    """
    layers = tuple(layers)
    if not 1 <= size <= len(layers):
        raise InputError(f"a placement of {size} layers does not fit a model of {len(layers)}")
    if count < 3:
        raise InputError(f"a comparison needs at least 3 placements, got {count}")
    pool: dict[str, tuple[int, ...]] = {}
    for name, chosen in structured_placements(layers, size).items():
        if chosen not in pool.values():
            pool[name] = chosen
    generator = np.random.default_rng([seed, size])
    wanted = min(count, math.comb(len(layers), size))
    while len(pool) < wanted:
        draw = generator.choice(len(layers), size=size, replace=False)
        chosen = tuple(layers[i] for i in sorted(draw.tolist()))
        if chosen not in pool.values():
            pool[f"random-{len(pool):02d}"] = chosen
    return pool


def single_layers(layers: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Every layer by itself."""
    return {f"layer-{layer}": (layer,) for layer in layers}

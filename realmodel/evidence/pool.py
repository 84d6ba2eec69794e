"""The placements that are compared: every single layer, structured sets and random sets."""

import math
from collections.abc import Sequence

import numpy as np

from realmodel.placement.structured import structured_placements
from theory import InputError


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

"""The placements that are compared: every single layer, structured sets and random sets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from realmodel.evidence.options import CompareOptions
from realmodel.placement.structured import structured_placements
from theory import InputError

Role = Literal["pool", "single", "all", "pick"]


@dataclass(frozen=True)
class Candidate:
    """A placement with its name, and why it is fine-tuned."""

    label: str
    role: Role
    layers: tuple[int, ...]


def candidates(layers: Sequence[int], options: CompareOptions) -> tuple[Candidate, ...]:
    """All layers, the pool of every size, and the single layers, in the order of the runs.

    Raises
    ------
    InputError
        As :func:`candidate_pool`.

    Examples
    --------
    >>> pool = candidates(range(6), CompareOptions(sizes=(2,), placements=3, singles=2))
    >>> [(one.label, one.layers) for one in pool]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('all-layers', (0, 1, 2, 3, 4, 5)), ('first-2', (0, 1)), ('last-2', (4, 5)),
     ('middle-2', (2, 3)), ('uniform-2', (1, 4)), ('layer-1', (1,)), ('layer-4', (4,))]
    """
    found = [Candidate("all-layers", "all", tuple(layers))]
    for size in options.sizes:
        pool = candidate_pool(layers, size=size, count=options.placements, seed=options.seed)
        for label, chosen in pool.items():
            name = label.replace("-k", f"-{size}")
            name = name if name != label else f"{label} of {size}"
            found.append(Candidate(name, "pool", chosen))
    found += [
        Candidate(label, "single", chosen)
        for label, chosen in single_layers(layers, options.singles).items()
    ]
    return tuple(found)


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


def single_layers(layers: Sequence[int], count: int | None = None) -> dict[str, tuple[int, ...]]:
    """Every layer by itself, or ``count`` of them spread uniformly."""
    if count is not None:
        if count > len(layers):
            raise InputError(f"{count} single layers do not fit a model of {len(layers)}")
        layers = structured_placements(layers, count)["uniform-k"]
    return {f"layer-{layer}": (layer,) for layer in layers}

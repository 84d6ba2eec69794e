"""Rules that pick k layers, from those that need no measurement to the exact optimum."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator

from theory import BlockQuadratic, exact_search
from theory.choice.greedy import greedy_layers
from theory.choice.top_k import largest_norms

Rule = Callable[[BlockQuadratic, int, Generator], tuple[int, ...]]


def spread(layers: int, size: int) -> tuple[int, ...]:
    """``size`` layers at equal distance, from the first to the last.

    >>> spread(12, 4), spread(12, 1)
    ((0, 4, 7, 11), (6,))
    """
    if size == 1:
        return (layers // 2,)
    return tuple(int(np.floor(i * (layers - 1) / (size - 1) + 0.5)) for i in range(size))


def block(layers: int, size: int, place: float) -> tuple[int, ...]:
    """``size`` neighbours; place 0 is the bottom of the model, 1 the top.

    >>> block(12, 4, 0.0), block(12, 4, 0.5), block(12, 4, 1.0)
    ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11))
    """
    first = int(np.floor(place * (layers - size) + 0.5))
    return tuple(range(first, first + size))


def _random(quadratic: BlockQuadratic, size: int, rng: Generator) -> tuple[int, ...]:
    return tuple(sorted(rng.choice(quadratic.layers, size, replace=False).tolist()))


RULES: Mapping[str, Rule] = {
    "random": _random,
    "first": lambda quadratic, size, rng: block(quadratic.layers, size, 0.0),
    "middle": lambda quadratic, size, rng: block(quadratic.layers, size, 0.5),
    "last": lambda quadratic, size, rng: block(quadratic.layers, size, 1.0),
    "uniform": lambda quadratic, size, rng: spread(quadratic.layers, size),
    # Without the guarantees of theory.top_k and theory.greedy, which cost more than the choice.
    "residual": lambda quadratic, size, rng: largest_norms(quadratic, quadratic.select(None), size),
    "greedy": lambda quadratic, size, rng: greedy_layers(quadratic, quadratic.select(None), size),
    "exact": lambda quadratic, size, rng: exact_search(quadratic, size).layers,
}

"""Quadratics to choose layers from."""

from collections.abc import Callable

import numpy as np
import pytest

from theory import BlockQuadratic

Maker = Callable[..., BlockQuadratic]


@pytest.fixture
def make() -> Maker:
    """``make(seed, sizes, strength, sign, rank)``; singular if ``rank`` is below the dimension."""

    def maker(seed: int, sizes, strength: float = 1.0, sign: int = 0, rank: int | None = None):
        rng = np.random.default_rng(seed)
        p = sum(sizes)
        n = rank if rank is not None else 2 * p
        J = rng.standard_normal((n, p)) / np.sqrt(n)
        J += strength * rng.standard_normal((n, 1)) @ rng.uniform(0.5, 1.5, (1, p)) / np.sqrt(n)
        direction = np.abs(rng.standard_normal(p)) if sign >= 0 else rng.standard_normal(p)
        g = -J.T @ (J @ direction)
        return BlockQuadratic(g, J.T @ J, tuple(sizes))

    return maker

"""Problems with a chosen condition number and a known answer."""

from collections.abc import Callable

import numpy as np
import pytest

from theory import BlockQuadratic

EPS = float(np.finfo(np.float64).eps)


@pytest.fixture(scope="session")
def tolerance() -> Callable[[float], float]:
    """Relative error that rounding explains at a condition number: ``c eps condition``."""
    return lambda condition, c=100.0: c * EPS * condition


@pytest.fixture(scope="session")
def conditioned() -> Callable:
    """``(quadratic, M, u)`` whose layers have a given condition number; ``||M|| = rho``."""

    def make(
        sizes: tuple[int, ...], condition: float, rho: float = 0.6, seed: int = 0
    ) -> tuple[BlockQuadratic, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        p = sum(sizes)
        layer = np.repeat(np.arange(len(sizes)), sizes)
        M = rng.standard_normal((p, p))
        M = np.where(layer[:, None] != layer, M + M.T, 0.0)
        M *= rho / np.linalg.norm(M, 2) if len(sizes) > 1 else 0.0
        C = np.zeros((p, p))
        for k, size in enumerate(sizes):
            basis = np.linalg.qr(rng.standard_normal((size, size)))[0]
            values = np.geomspace(1.0, condition, size) if size > 1 else np.ones(1)
            at = np.flatnonzero(layer == k)
            C[np.ix_(at, at)] = basis * np.sqrt(values)
        H = C @ (np.eye(p) + M) @ C.T
        u = rng.standard_normal(p)
        return BlockQuadratic(C @ u, (H + H.T) / 2, sizes), M, u

    return make

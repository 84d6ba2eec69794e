"""``BlockQuadratic`` and everything derived, against one Cholesky factor of ``H``."""

import numpy as np
from scipy.linalg import cholesky

from simulate.bench.measurement import TICK, Measurement, seconds_of
from theory import BlockQuadratic


def derive(quadratic: BlockQuadratic) -> None:
    """Every derived quantity of a fresh quadratic."""
    _ = quadratic.residual_norms, quadratic.whitened_coupling, quadratic.coupling_range
    _ = quadratic.gain(), quadratic.minimiser(), quadratic.separate_minimiser(), quadratic.reasons


def measure_quadratic(layers: int = 20, size: int = 100, repetitions: int = 3) -> Measurement:
    """P = layers * size coordinates (2,000 by default)."""
    rng = np.random.default_rng(0)
    p = layers * size
    J = rng.standard_normal((2 * p, p)) / np.sqrt(2 * p)
    H, g = J.T @ J + 0.1 * np.eye(p), rng.standard_normal(p)
    sizes = (size,) * layers
    reference = seconds_of(lambda: cholesky(H, lower=True), repetitions)
    ours = seconds_of(lambda: derive(BlockQuadratic(g, H, sizes)), repetitions)
    return Measurement(
        name=f"BlockQuadratic and all derived quantities, p = {p}",
        reference="one Cholesky factorisation of H",
        seconds=ours,
        reference_seconds=reference,
        ratio=ours / max(reference, TICK),
        target="at most 3 times",
        met=ours <= 3 * reference,
    )

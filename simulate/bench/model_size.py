"""Functions at the sizes of real models, against the same numbers by plain linear algebra."""

from collections.abc import Callable

import numpy as np

from simulate.bench.measurement import TICK, Measurement, seconds_of
from simulate.bench.search import layered
from theory import BlockQuadratic, gain_interval, interaction_norm
from theory.arrays import Array
from theory.conditional_system import ConditionalSystem
from theory.gain_interval import lanczos


def norms_by_lapack(quadratic: BlockQuadratic) -> tuple[float, float]:
    """``||E||`` from all eigenvalues, and Gershgorin's bound from a decomposition of each block."""
    E = quadratic.curvature.copy()
    for block in quadratic.slices:
        E[block, block] = 0.0
    values = np.linalg.eigvalsh(E)
    M = quadratic.whitened_coupling
    rows = [
        sum(np.linalg.norm(M[row, column], 2) for column in quadratic.slices)
        for row in quadratic.slices
    ]
    return float(np.abs(values[[0, -1]]).max()), float(max(rows))


def measure_interaction_norm(layers: int = 40, size: int = 100) -> Measurement:
    """P = layers * size coordinates (4,000 by default); the coupling itself is known before."""
    quadratic = layered(layers, size)
    _ = quadratic.coupling
    ours = seconds_of(lambda: interaction_norm(quadratic), 2)
    dense = seconds_of(lambda: norms_by_lapack(quadratic), 1)
    return Measurement(
        name=f"interaction_norm, p = {layers * size:,} ({layers} layers of {size})",
        reference="every eigenvalue of E and a decomposition of every block",
        seconds=ours,
        reference_seconds=dense,
        ratio=dense / max(ours, TICK),
        target="at least 3 times faster",
        met=dense >= 3 * ours,
    )


def lanczos_by_copies(
    matvec: Callable[[Array], Array], start: Array, iterations: int
) -> tuple[Array, Array]:
    """Lanczos that stacks its basis anew in every step."""
    basis, alpha, beta = [start], [], []
    for _ in range(iterations):
        v = matvec(basis[-1])
        alpha.append(float(basis[-1] @ v))
        Q = np.stack(basis)
        for _ in range(2):
            v = v - Q.T @ (Q @ v)
        beta.append(float(np.linalg.norm(v)))
        basis.append(v / beta[-1])
    return np.array(alpha), np.array(beta)


def measure_gain_interval(dimension: int = 20_000, iterations: int = 150) -> Measurement:
    """A product that costs nothing, so that the iteration's own work is what is timed."""
    diagonal = np.linspace(0.1, 1.9, dimension)
    u = np.random.default_rng(0).standard_normal(dimension)
    start = u / np.linalg.norm(u)

    def product(v: Array) -> Array:
        return diagonal * v

    ours = seconds_of(lambda: gain_interval(product, u, 0.05, iterations), 2)
    copies = seconds_of(lambda: lanczos_by_copies(product, start, iterations), 1)
    return Measurement(
        name=f"gain_interval, {iterations} products of {dimension:,} coordinates",
        reference="the same iteration with a copy of its basis in every step",
        seconds=ours,
        reference_seconds=copies,
        ratio=copies / max(ours, TICK),
        target="faster",
        met=copies > ours,
    )


def first_rows(system: ConditionalSystem) -> tuple[Array, Array]:
    """Gain of each single layer, and the rows that sets of two would need."""
    n, b = system.w.shape
    rows = system.whiteners @ system.A.reshape(n, b, n * b)
    return rows, 0.5 * np.square(system.whiteners @ system.w[..., None]).sum(axis=(1, 2))


def measure_set_gains(layers: int = 560, dimension: int = 4) -> Measurement:
    """Sets of one of as many blocks as a model of 80 layers has modules."""
    quadratic = layered(layers, dimension)
    system = ConditionalSystem.of(quadratic, tuple(range(layers)))
    _ = system.diagonal, system.whiteners, system.marginals
    ours = seconds_of(lambda: system.set_gains(1), 3)
    full = seconds_of(lambda: first_rows(system), 2)
    return Measurement(
        name=f"set_gains(1) of {layers} blocks of dimension {dimension}",
        reference="with the product that sets of two need",
        seconds=ours,
        reference_seconds=full,
        ratio=full / max(ours, TICK),
        target="at least 10 times faster",
        met=full >= 10 * ours,
    )


def check_yardsticks(quadratic: BlockQuadratic) -> bool:
    """Whether both ways give the same numbers (the tests' control of what is timed)."""
    record, (norm, gershgorin) = interaction_norm(quadratic), norms_by_lapack(quadratic)
    system = ConditionalSystem.of(quadratic, tuple(range(quadratic.layers)))
    A = np.eye(len(quadratic.gradient)) + quadratic.whitened_coupling
    start = quadratic.whitened_gradient / np.linalg.norm(quadratic.whitened_gradient)
    pairs = zip(
        lanczos(A.__matmul__, start, 4), lanczos_by_copies(A.__matmul__, start, 4), strict=True
    )
    return (
        bool(np.isclose(record.norm, norm, rtol=1e-7))
        and bool(np.isclose(record.gershgorin, gershgorin, rtol=1e-9))
        and bool(np.allclose(system.set_gains(1)[1], first_rows(system)[1], rtol=1e-9))
        and all(np.allclose(one, other, rtol=1e-9) for one, other in pairs)
    )

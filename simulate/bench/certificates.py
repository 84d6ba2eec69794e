"""Certificates, searches on them and Pareto fronts at the sizes of real models."""

from functools import partial

import numpy as np

from simulate.bench.measurement import TICK, Measurement, seconds_of
from theory import BlockQuadratic, CostModel, certificate, exact_search, greedy, pareto_front
from theory.arrays import Array

SEQUENCES = 64


def tangent_like(layers: int, dimension: int, rho: float, seed: int = 0) -> BlockQuadratic:
    """Rows that share directions of falling strength, unlike layers, and the ridge that gives rho.

    What the bridge's tangent models look like: fewer rows than coordinates, and a ridge.
    """
    rng = np.random.default_rng(seed)
    n, p = SEQUENCES, layers * dimension
    strength = 1 / np.arange(1, n + 1)
    U = rng.standard_normal((n, n))
    scale = np.repeat(np.exp(0.7 * rng.standard_normal(layers)), dimension)
    J = (U * strength) @ rng.standard_normal((n, p)) / np.sqrt(n) * scale
    g = J.T @ (U @ (strength * rng.standard_normal(n)))
    build = partial(_with_ridge, J, g, dimension)
    low, high = 1e-6, 1e2
    for _ in range(20):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if build(middle).coupling > rho else (low, middle)
    return build(high)


def _with_ridge(J: Array, g: Array, dimension: int, ridge: float) -> BlockQuadratic:
    p = J.shape[1]
    return BlockQuadratic(g, J.T @ J + ridge * np.eye(p), (dimension,) * (p // dimension))


def isotropic(layers: int, dimension: int, seed: int = 0) -> BlockQuadratic:
    """Layers that are all alike up to noise, with a common direction: the hard case."""
    rng = np.random.default_rng(seed)
    p = layers * dimension
    J = rng.standard_normal((2 * p, p)) / np.sqrt(2 * p)
    J += 4 * rng.standard_normal((2 * p, 1)) @ rng.uniform(0.5, 1.5, (1, p)) / np.sqrt(2 * p)
    return BlockQuadratic(
        J.T @ rng.standard_normal(2 * p), J.T @ J + 0.05 * np.eye(p), (dimension,) * layers
    )


def measure_search(layers: int, size: int, quadratic: BlockQuadratic, limit: float) -> Measurement:
    """Search with its certificate; what is compared is greedy without one."""
    _ = quadratic.coupling_range
    found = exact_search(quadratic, size, time_limit=limit)
    gap = 1 - found.guarantee.fraction
    ours = seconds_of(lambda: exact_search(quadratic, size, time_limit=limit), 1)
    bare = seconds_of(lambda: greedy(quadratic, size), 1)
    b, rho = quadratic.sizes[0], quadratic.coupling
    return Measurement(
        name=f"search with certificate, {size} of {layers} layers of {b}, rho {rho:.3g}: "
        f"gap {gap:.2%}",
        reference="greedy with its guarantee",
        seconds=ours,
        reference_seconds=bare,
        ratio=ours / max(bare, TICK),
        target=f"gap at most 5% within {limit:g} s",
        met=gap <= 0.05 and ours <= 1.1 * limit,
    )


def measure_pareto_front(layers: int, dimension: int = 4, rho: float = 10.0) -> Measurement:
    """The front of gain against a cost that grows with depth, each point with its certificate."""
    quadratic = tangent_like(layers, dimension, rho)
    cost = CostModel((1.0,) * layers, base=10.0, per_depth=0.5)
    front = pareto_front(quadratic, cost)
    least = min(point.guarantee.fraction for point in front)
    ours = seconds_of(lambda: pareto_front(quadratic, cost), 1)
    one = seconds_of(lambda: certificate(quadratic, layers // 8), 1)
    return Measurement(
        name=f"pareto_front, {layers} layers of {dimension}: {len(front)} points, least certified "
        f"share {least:.1%}",
        reference=f"one certificate of {layers // 8} layers",
        seconds=ours,
        reference_seconds=one,
        ratio=ours / max(one, TICK),
        target="at most 60 s",
        met=ours <= 60,
    )


def measure_certificates() -> list[Measurement]:
    """All of them; the last search is the one whose target is missed."""
    found = [
        measure_search(36, 8, tangent_like(36, 4, 30.0), 5.0),
        measure_search(80, 10, tangent_like(80, 16, 50.0), 5.0),
        measure_search(252, 24, tangent_like(252, 4, 20.0), 30.0),
        measure_search(36, 8, isotropic(36, 4), 5.0),
    ]
    return [*found, *(measure_pareto_front(layers) for layers in (80, 252))]

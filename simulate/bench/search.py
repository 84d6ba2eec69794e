"""Searches over sets of layers, against loops that solve each set anew."""

import itertools
from math import comb

import numpy as np

from simulate.bench.measurement import TICK, Measurement, seconds_of
from theory import BlockQuadratic, exact_search, greedy


def layered(layers: int, size: int, seed: int = 0) -> BlockQuadratic:
    """Layers coupled through three common directions and noise: ``rho`` above 1, no shortcuts."""
    rng = np.random.default_rng(seed)
    p = layers * size
    J = rng.standard_normal((2 * p, p)) / np.sqrt(2 * p)
    J += rng.standard_normal((2 * p, 3)) @ rng.standard_normal((3, p)) / p
    return BlockQuadratic(rng.standard_normal(p), J.T @ J + 0.05 * np.eye(p), (size,) * layers)


def best_by_loop(quadratic: BlockQuadratic, size: int, limit: int) -> float:
    """Largest gain of the first ``limit`` sets, by ``np.linalg.solve`` on each."""
    A = np.eye(len(quadratic.gradient)) + quadratic.whitened_coupling
    u = quadratic.whitened_gradient
    rows = np.arange(len(u)).reshape(quadratic.layers, -1)
    best = 0.0
    for layers in itertools.islice(itertools.combinations(range(quadratic.layers), size), limit):
        at = rows[list(layers)].ravel()
        best = max(best, 0.5 * float(u[at] @ np.linalg.solve(A[np.ix_(at, at)], u[at])))
    return best


def greedy_anew(quadratic: BlockQuadratic, size: int) -> tuple[int, ...]:
    """Greedy that factorises every candidate set from scratch."""
    chosen: list[int] = []
    for _ in range(size):
        rest = [layer for layer in range(quadratic.layers) if layer not in chosen]
        chosen.append(max(rest, key=lambda layer: quadratic.gain([*chosen, layer])))
    return tuple(sorted(chosen))


def measure_exact_search(
    layers: int = 36, dimension: int = 4, size: int = 5, sampled: int = 20_000
) -> Measurement:
    """All C(layers, size) sets; the loop is timed on the first ``sampled`` of them."""
    quadratic = layered(layers, dimension)
    sets = comb(layers, size)
    sampled = min(sampled, sets)
    _ = quadratic.gain(), quadratic.coupling_range
    ours = seconds_of(lambda: exact_search(quadratic, size), 3)
    loop = seconds_of(lambda: best_by_loop(quadratic, size, sampled), 2) * sets / sampled
    return Measurement(
        name=f"exact search, C({layers}, {size}) = {sets:,} sets of {dimension}-dimensional layers",
        reference=f"np.linalg.solve for each set (timed on {sampled:,})",
        seconds=ours,
        reference_seconds=loop,
        ratio=loop / max(ours, TICK),
        target="at least 10 times faster, at most 5 s",
        met=loop >= 10 * ours and ours <= 5,
    )


def measure_greedy(layers: int = 36, dimension: int = 16, size: int = 18) -> Measurement:
    """Incremental Cholesky rows against a factorisation for every candidate."""
    quadratic = layered(layers, dimension)
    _ = quadratic.gain(), quadratic.coupling_range
    ours = seconds_of(lambda: greedy(quadratic, size), 3)
    anew = seconds_of(lambda: greedy_anew(quadratic, size), 1)
    return Measurement(
        name=f"greedy, {size} of {layers} layers of dimension {dimension}",
        reference="greedy that factorises every candidate set anew",
        seconds=ours,
        reference_seconds=anew,
        ratio=anew / max(ours, TICK),
        target="faster",
        met=anew > ours,
    )

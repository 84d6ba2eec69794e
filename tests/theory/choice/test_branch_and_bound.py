"""Searches on certificates: exact without limits, honest with them, never worse than greedy."""

import itertools
import sys

import numpy as np
import pytest

from theory import (
    BlockQuadratic,
    CostModel,
    InputError,
    KernelQuadratic,
    certificate,
    exact_search,
    greedy,
    search_within_budget,
)
from theory.choice.block_split import BlockSplit
from theory.choice.branch_and_bound import branch_and_bound, decided
from theory.choice.choices import choices
from theory.choice.clock import Clock
from theory.choice.relaxation import relax


@pytest.fixture
def no_enumeration(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few sets there are, they are searched by branch and bound on relaxations."""
    monkeypatch.setattr(sys.modules["theory.choice.exact_search"], "ENUMERATED", 0)
    monkeypatch.setattr(sys.modules["theory.choice.budget_search"], "ENUMERATED", 0)


@pytest.mark.usefixtures("no_enumeration")
@pytest.mark.parametrize("sizes", [(1,) * 7, (2, 1, 3, 1, 2)])
@pytest.mark.parametrize(("sign", "rank"), [(1, None), (-1, None), (1, 4)])
def test_the_best_set_is_found_and_proved(make, sizes, sign: int, rank: int | None) -> None:
    quadratic = make(5, sizes, 2.0, sign, rank)
    layers = len(sizes)
    for size in range(1, layers + 1):
        best = max(quadratic.gain(s) for s in itertools.combinations(range(layers), size))
        found = exact_search(quadratic, size)
        assert found.gain == pytest.approx(best, rel=1e-8)
        assert found.guarantee.fraction == 1.0
        assert found.guarantee.best_gain_at_most >= best * (1 - 1e-9)
    cost = CostModel(tuple(np.linspace(0.5, 1.5, layers).tolist()), base=1.0, per_depth=0.3)
    sets = [s for n in range(1, layers + 1) for s in itertools.combinations(range(layers), n)]
    for budget in (3.0, 4.5, 6.0):
        best = max(quadratic.gain(s) for s in sets if cost.of(s) <= budget * (1 + 1e-9))
        placed = search_within_budget(quadratic, budget, cost)
        assert placed.gain == pytest.approx(best, rel=1e-8)
        assert placed.guarantee.fraction == 1.0
        assert placed.cost <= budget * (1 + 1e-9)


def deep(layers: int, size: int) -> BlockQuadratic:
    """Redundant layers through common directions, ``rho`` far above 1."""
    rng = np.random.default_rng(0)
    p = layers * size
    J = rng.standard_normal((p, p)) / np.sqrt(p)
    J += rng.standard_normal((p, 3)) @ rng.standard_normal((3, p)) / np.sqrt(p)
    return BlockQuadratic(
        J.T @ rng.standard_normal(p), J.T @ J + 0.05 * np.eye(p), (size,) * layers
    )


def test_no_search_is_worse_than_greedy_however_short() -> None:
    quadratic = deep(36, 2)
    assert quadratic.coupling > 9
    least = greedy(quadratic, 12).gain
    budget = search_within_budget(quadratic, 12, CostModel.count(36), node_limit=1)
    size = exact_search(quadratic, 12, node_limit=1)
    for found in (budget, size):
        assert found.gain >= least * (1 - 1e-12)
        assert found.guarantee.best_gain_at_most >= found.gain
        assert found.guarantee.fraction == pytest.approx(
            found.gain / found.guarantee.best_gain_at_most
        )
        assert "after 1 nodes: raise node_limit or time_limit" in found.guarantee.statement


def test_time_is_limited_and_the_bound_stays_true() -> None:
    quadratic = deep(24, 2)
    short = exact_search(quadratic, 12, time_limit=1e-9)
    longer = exact_search(quadratic, 12, node_limit=200)
    assert short.guarantee.best_gain_at_most >= longer.gain
    assert longer.guarantee.best_gain_at_most <= short.guarantee.best_gain_at_most * (1 + 1e-9)
    assert len(short.layers) == 12
    assert short.gain >= greedy(quadratic, 12).gain * (1 - 1e-12)
    assert certificate(quadratic, 12, time_limit=1e-9).placement.gain >= short.gain * (1 - 1e-12)
    # An enumeration that is cut short hands over to the certificate.
    cut = exact_search(quadratic, 5, time_limit=1e-9)
    assert cut.guarantee.best_gain_at_most >= exact_search(quadratic, 5).gain
    assert cut.gain >= greedy(quadratic, 5).gain * (1 - 1e-12)


def test_kernels_are_searched_too() -> None:
    rng = np.random.default_rng(1)
    n, layers = 6, 8
    J = rng.standard_normal((layers, n, 3)) + 2 * rng.standard_normal((n, 1))
    own = [KernelQuadratic.layer(rows, rng.standard_normal(3), 0.5) for rows in J]
    kernel = KernelQuadratic.of(own)
    best = max(kernel.gain(s) for s in itertools.combinations(range(layers), 3))
    root = certificate(kernel, 3)
    found = branch_and_bound(
        root.split,
        root.admissible,
        (0, 1, 2),
        kernel.gain([0, 1, 2]),
        node_limit=500,
        clock=Clock(),
    )
    assert found.gain == pytest.approx(best, rel=1e-9)
    assert found.upper == pytest.approx(best, rel=1e-9)
    assert found.nodes < 56
    assert exact_search(kernel, 3).gain == pytest.approx(best, rel=1e-9)
    cost = CostModel.count(layers)
    assert search_within_budget(kernel, 3, cost).gain == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("limit", [0, -1, True])
def test_bad_limits(limit) -> None:
    quadratic = BlockQuadratic(np.ones(3), np.eye(3), (1,) * 3)
    with pytest.raises(InputError, match="node_limit must be a whole number"):
        exact_search(quadratic, 2, node_limit=limit)
    with pytest.raises(InputError, match="node_limit must be a whole number"):
        search_within_budget(quadratic, 2, CostModel.count(3), node_limit=limit)
    with pytest.raises(InputError, match="time_limit must be above 0 seconds, not -2"):
        exact_search(quadratic, 2, time_limit=-2)
    with pytest.raises(InputError, match="time_limit must be above 0 seconds, not -2"):
        search_within_budget(quadratic, 2, CostModel.count(3), time_limit=-2)


def test_deciding_layers_keeps_the_best_set() -> None:
    """Reduced costs force and exclude layers, and never the best set away; sometimes all of it."""
    decided_layers = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        J = rng.standard_normal((4, 7)) * rng.exponential(size=7) + rng.standard_normal((4, 1))
        quadratic = BlockQuadratic(
            J.T @ rng.standard_normal(4), J.T @ J + 0.3 * np.eye(7), (1,) * 7
        )
        gains = {s: quadratic.gain(s) for s in itertools.combinations(range(7), 3)}
        best = max(gains, key=lambda s: gains[s])
        split = BlockSplit.flat(quadratic)
        (allowed,) = choices(7, 3, None, range(7))
        assert split is not None
        for iterations in (1, 3, 50):
            proof = relax(split, allowed, iterations=iterations).proof
            kept = decided(allowed, proof, gains[best] * (1 - 1e-9))
            assert kept.admits(best)
            decided_layers += 7 - int(kept.free.sum())
    assert decided_layers > 200

"""Budgets, Pareto fronts and rank allocation against trying everything."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import (
    BlockQuadratic,
    CostModel,
    InputError,
    additive_within_budget,
    pareto_front,
    rank_allocation,
    search_within_budget,
)
from theory.choice.knapsack import fractional_knapsack, knapsack

COSTS = [
    CostModel.count(6),
    CostModel((1.0,) * 6, base=2.0, per_depth=0.5),
    CostModel((1.0, 2.0, 0.5, 3.0, 1.5, 0.0), base=0.3, per_depth=0.7),
]


def every_set(layers: int):
    return [s for n in range(1, layers + 1) for s in itertools.combinations(range(layers), n)]


@pytest.mark.parametrize("cost", COSTS, ids=["count", "depth", "uneven"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0])
def test_budgeted_searches(make, cost: CostModel, sign: int, share: float) -> None:
    quadratic = make(7, (2, 1, 2, 3, 1, 1), 1.0, sign)
    sets = every_set(6)
    least, most = min(map(cost.of, sets)), max(map(cost.of, sets))
    budget = least + share * (most - least)
    fits = [s for s in sets if cost.of(s) <= budget + 1e-9]
    best = max(quadratic.gain(s) for s in fits)
    exact = search_within_budget(quadratic, budget, cost)
    assert exact.gain == pytest.approx(best, rel=1e-9)
    assert exact.cost <= budget + 1e-9
    assert exact.guarantee.fraction == 1.0
    single = quadratic.residual_norms**2 / 2
    additive = additive_within_budget(quadratic, budget, cost)
    assert additive.cost <= budget + 1e-9
    assert single[list(additive.layers)].sum() == pytest.approx(
        max(single[list(s)].sum() for s in fits), rel=1e-9
    )
    assert additive.gain >= additive.guarantee.fraction * best * (1 - 1e-9)
    assert additive.guarantee.best_gain_at_most >= best * (1 - 1e-9)


def test_a_search_that_stops_early_says_so(make) -> None:
    quadratic = make(8, (1,) * 10, 3.0)
    cost = CostModel.count(10)
    best = search_within_budget(quadratic, 5, cost)
    stopped = search_within_budget(quadratic, 5, cost, node_limit=1)
    assert stopped.guarantee.best_gain_at_most >= best.gain * (1 - 1e-12)
    assert stopped.guarantee.fraction * best.gain <= stopped.gain * (1 + 1e-12)
    assert stopped.guarantee.fraction < 1
    assert "stopped after 1 nodes" in stopped.guarantee.statement
    assert "raise node_limit" in stopped.guarantee.statement


@pytest.mark.parametrize("search", [search_within_budget, additive_within_budget])
@pytest.mark.parametrize(
    ("budget", "cost", "candidates", "message"),
    [
        (0.5, CostModel.count(3), None, "budget 0.5 admits no layer: .* costs 1"),
        (3.0, CostModel((1.0,) * 3, base=2.0, per_depth=1.0), None, "cheapest placement costs 4"),
        (float("nan"), CostModel.count(3), None, "admits no layer"),
        (1.0, CostModel.count(4), None, "the cost model has 4 layers, not 3"),
        (1.0, CostModel.count(3), [], "empty"),
    ],
)
def test_bad_budgets(search, budget, cost, candidates, message: str) -> None:
    quadratic = BlockQuadratic(np.ones(3), np.eye(3), (1,) * 3)
    with pytest.raises(InputError, match=message):
        search(quadratic, budget, cost, candidates=candidates)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((),), "per_layer is empty"),
        (((1.0, -2.0),), "got -2.0"),
        (((1.0,), float("inf")), "got inf"),
    ],
)
def test_bad_cost_models(arguments, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CostModel(*arguments)


@pytest.mark.parametrize("cost", COSTS, ids=["count", "depth", "uneven"])
def test_exact_front(make, cost: CostModel) -> None:
    quadratic = make(9, (2, 1, 2, 3, 1, 1), 1.0)
    front = pareto_front(quadratic, cost)
    costs, gains = [p.cost for p in front], [p.gain for p in front]
    assert (np.diff(costs) > 0).all()
    assert (np.diff(gains) > 0).all()
    for layers in every_set(6):
        price, gain = cost.of(layers), quadratic.gain(layers)
        assert max(p.gain for p in front if p.cost <= price + 1e-12) >= gain * (1 - 1e-9)
    assert front[-1].gain == pytest.approx(quadratic.gain(), rel=1e-9)


@pytest.mark.parametrize("cost", COSTS, ids=["count", "depth", "uneven"])
def test_greedy_front_is_made_of_real_placements(make, cost: CostModel) -> None:
    quadratic = make(10, (2, 1, 2, 3, 1, 1), 0.3)
    exact = pareto_front(quadratic, cost)
    for point in pareto_front(quadratic, cost, enumerate_up_to=3):
        assert point.gain == pytest.approx(quadratic.gain(point.layers), rel=1e-12)
        assert point.cost == cost.of(point.layers)
        best = max(p.gain for p in exact if p.cost <= point.cost + 1e-12)
        assert point.gain >= point.guarantee.fraction * best * (1 - 1e-9)
        assert point.guarantee.best_gain_at_most >= best * (1 - 1e-9)
        assert "by its certificate (10a)" in point.guarantee.statement


def test_front_limits(make) -> None:
    quadratic = make(11, (1,) * 6, 1.0)
    front = pareto_front(quadratic, CostModel.count(6), max_size=2, candidates=[0, 2, 4])
    assert max(len(p.layers) for p in front) == 2
    assert {layer for p in front for layer in p.layers} <= {0, 2, 4}
    with pytest.raises(InputError, match="max_size must be a whole number of at least 1, not 0"):
        pareto_front(quadratic, CostModel.count(6), max_size=0)
    zero = BlockQuadratic(np.zeros(6), np.eye(6), (1,) * 6)
    assert pareto_front(zero, CostModel.count(6)) == ()


@given(
    seed=st.integers(0, 2**32 - 1),
    units=st.integers(1, 6),
    uneven=st.booleans(),
)
def test_rank_allocation(seed: int, units: int, uneven: bool) -> None:
    rng = np.random.default_rng(seed)
    values = [np.sort(rng.exponential(size=n))[::-1] for n in (3, 1, 2)]
    costs = rng.uniform(1, 2, 3).tolist() if uneven else None
    budget = units * max(costs or [1.0])
    prices = costs or [1.0] * 3
    best = max(
        sum(0.5 * np.square(s[:r]).sum() for s, r in zip(values, ranks, strict=True))
        for ranks in itertools.product(range(4), range(2), range(3))
        if np.dot(ranks, prices) <= budget * (1 + 1e-9)
    )
    found = rank_allocation(values, budget, costs)
    assert found.sum_of_gains == pytest.approx(best, rel=1e-9)
    assert found.cost == pytest.approx(np.dot(found.ranks, prices))
    assert found.cost <= budget * (1 + 1e-9)
    kept = sum(0.5 * np.square(s[:r]).sum() for s, r in zip(values, found.ranks, strict=True))
    assert kept == pytest.approx(found.sum_of_gains)


def test_rank_goes_where_it_gains() -> None:
    flat, steep = np.array([1.0, 1.0, 1.0]), np.array([9.0, 0.1, 0.0])
    assert rank_allocation([flat, steep], 2).ranks == (1, 1)
    assert rank_allocation([flat, steep], 100).ranks == (3, 2)
    assert rank_allocation([flat, steep], 1e9).interval(-1.0, 0.0)[1] == float("inf")


@pytest.mark.parametrize(
    ("values", "budget", "costs", "message"),
    [
        ([], 1.0, None, "no layers"),
        ([np.array([1.0, 2.0])], 1.0, None, "layer 0 must be descending"),
        ([np.array([-1.0])], 1.0, None, "at least 0"),
        ([np.array([1.0])], 0.5, None, "budget 0.5 admits no rank"),
        ([np.array([1.0])], 1.0, [1.0, 2.0], "2 costs for 1 layers"),
        ([np.array([1.0])], 1.0, [0.0], "above 0"),
    ],
)
def test_bad_allocations(values, budget, costs, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rank_allocation(values, budget, costs)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 7), share=st.floats(0, 1))
def test_knapsacks(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.exponential(size=n), rng.uniform(0.1, 1, n)
    budget = share * float(weights.sum())
    best = max(
        values[list(s)].sum()
        for k in range(n + 1)
        for s in itertools.combinations(range(n), k)
        if weights[list(s)].sum() <= budget * (1 + 1e-9)
    )
    taken = knapsack(values, weights, budget)
    assert weights[taken].sum() <= budget * (1 + 1e-9)
    assert values[taken].sum() == pytest.approx(best, rel=1e-9)
    assert fractional_knapsack(values, weights, budget) >= best * (1 - 1e-9)


def test_a_knapsack_is_not_filled_beyond_rounding() -> None:
    """The solver's own tolerance is 1e-6: a set that is too heavy by 1e-7 is cut off."""
    weights = np.array([0.5, 0.5 + 1e-7, 0.3])
    assert knapsack(np.array([2.1, 2.0, 1.0]), weights, 1.0).tolist() == [0, 2]


def test_how_far_a_front_is_exact(make) -> None:
    """``enumerate_up_to`` candidates are enumerated, one more are not; sizes reach ``max_size``."""
    quadratic = make(12, (1,) * 6, 1.0)
    cost = CostModel.count(6)
    statement = "every set was evaluated: the best at its cost"
    exact = pareto_front(quadratic, cost, enumerate_up_to=6)
    assert {p.guarantee.statement for p in exact} == {statement}
    assert [p.guarantee.best_gain_at_most for p in exact] == [p.gain for p in exact]
    assert {(p.guarantee.fraction, p.guarantee.paper_fraction) for p in exact} == {(1.0, 1.0)}
    assert [len(p.layers) for p in exact] == [1, 2, 3, 4, 5, 6]
    quick = pareto_front(quadratic, cost, enumerate_up_to=5)
    assert statement not in {p.guarantee.statement for p in quick}
    assert [len(p.layers) for p in quick] == [1, 2, 3, 4, 5, 6]
    for limit in (1, 2, 4, 6):
        for most in (3, 6):
            front = pareto_front(quadratic, cost, max_size=limit, enumerate_up_to=most)
            assert [len(p.layers) for p in front] == list(range(1, limit + 1))
    for point, best in zip(quick, exact, strict=True):
        known = point.guarantee
        assert known.best_gain_at_most >= best.gain * (1 - 1e-9)
        assert known.fraction == pytest.approx(min(point.gain / known.best_gain_at_most, 1.0))
        assert known.paper_fraction == 0.0
    assert quick[-1].guarantee.fraction == pytest.approx(1.0)


def test_a_front_of_candidates_knows_nothing_of_the_others(make) -> None:
    quadratic = make(13, (1,) * 6, 1.0)
    front = pareto_front(quadratic, CostModel.count(6), candidates=[1, 2, 4], enumerate_up_to=2)
    everything = quadratic.gain([1, 2, 4])
    assert front[-1].layers == (1, 2, 4)
    assert front[-1].guarantee.best_gain_at_most == pytest.approx(everything, rel=1e-9)
    assert all(p.guarantee.best_gain_at_most <= everything * (1 + 1e-9) for p in front)


@pytest.mark.parametrize("search", [search_within_budget, additive_within_budget])
def test_candidates_of_a_budget_are_whole_numbers(search) -> None:
    quadratic = BlockQuadratic(np.ones(3), np.eye(3), (1,) * 3)
    with pytest.raises(InputError, match="must be whole numbers"):
        search(quadratic, 2, CostModel.count(3), candidates=[True, False])
    with pytest.raises(InputError, match="must be whole numbers"):
        pareto_front(quadratic, CostModel.count(3), candidates=[True, False])
    with pytest.raises(InputError, match="max_size must be a whole number"):
        pareto_front(quadratic, CostModel.count(3), max_size=True)

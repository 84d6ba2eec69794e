from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from realmodel.evidence.agreement import agreement, spearman
from realmodel.evidence.baselines import Baseline
from realmodel.evidence.options import CompareOptions
from realmodel.evidence.pool import candidate_pool, candidates, single_layers
from realmodel.evidence.scored import Scored
from realmodel.evidence.summary import forecast, summarise
from realmodel.placement.structured import structured_placements
from theory import InputError


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=20))
def test_spearman_is_scipys(pairs):
    x, y = np.array(pairs, dtype=float).T
    found = spearman(x, y)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_intervals_hold_the_value_and_grow_with_the_noise():
    rng = np.random.default_rng(0)
    values = np.arange(20.0)
    quiet = values[:, None] + 0.01 * rng.standard_normal((20, 3))
    loud = values[:, None] + 8 * rng.standard_normal((20, 3))
    calm, noisy = agreement(values, quiet), agreement(values, loud)
    assert calm.spearman == 1.0
    assert calm.over_seeds == (1.0, 1.0)
    assert noisy.over_seeds is not None
    low, high = noisy.over_seeds
    assert low < high
    assert low <= noisy.spearman <= high + 0.1
    assert noisy == agreement(values, loud)


def test_one_seed_has_no_interval_over_seeds_and_says_why():
    found = agreement(np.arange(5.0), np.arange(5.0)[:, None] ** 2)
    assert found.spearman == 1.0
    assert found.over_seeds is None
    assert "one seed" in found.reason


def test_a_constant_side_is_named():
    gains = np.arange(6.0).reshape(3, 2)
    assert "the score is the same" in agreement(np.ones(3), gains).reason
    assert "the realised gain is the same" in agreement(np.arange(3.0), gains * 0).reason


def scored(values, picks, **more):
    baseline = Baseline("s", "S", "source", "nothing", lambda context: None, **more)
    return Scored(baseline, values, picks)


def test_regret_is_against_the_best_of_the_size():
    gains = {(0, 1): [1.0, 1.2], (1, 2): [0.5, 0.5], (0, 2): [0.9, 0.9], (0, 1, 2): [2.0, 2.0]}
    gains |= {(k,): [0.1 * k, 0.1 * k] for k in range(3)}
    gains = {k: np.array(v) for k, v in gains.items()}
    values = {layers: float(sum(layers)) for layers in gains}
    pool = ((0, 1), (1, 2), (0, 2))
    found = summarise(
        scored(values, {2: (0, 2)}),
        gains,
        pools={2: pool},
        singles=((0,), (1,), (2,)),
        everything=(0, 1, 2),
    )
    (pairs,) = found.sizes
    assert pairs.regret == pytest.approx(0.2)
    assert pairs.regret_share == pytest.approx(0.1)
    assert found.single_layers.spearman == pytest.approx(1.0)
    assert pairs.placements.spearman == pytest.approx(-1.0)
    both = [*pool, (0,), (1,), (2,), (0, 1, 2)]
    expected = spearmanr([values[x] for x in both], [gains[x].mean() for x in both]).statistic
    assert found.all_sizes.spearman == pytest.approx(expected)
    assert found.forecast is None


def test_a_pick_that_is_not_trained_has_no_regret_yet():
    gains = {(0, 1): np.array([1.0]), (0, 2): np.array([0.5]), (0, 1, 2): np.array([2.0])}
    values = dict.fromkeys(gains, 1.0)
    found = summarise(
        scored(values, {2: (1, 2)}),
        gains,
        pools={2: [(0, 1), (0, 2)]},
        singles=[],
        everything=(0, 1, 2),
    )
    assert (found.sizes[0].pick_gain, found.sizes[0].regret) == (None, None)
    assert found.single_layers.spearman is None
    assert "0 placements" in found.single_layers.reason


def test_a_forecast_is_held_against_what_came_true():
    gains = {(0,): np.array([0.5]), (1,): np.array([2.0]), (0, 1): np.array([1.0])}
    told = scored({(0,): 1.0, (1,): 2.0, (0, 1): 1.25, (5,): 9.0}, {}, predicts_gain=True)
    told = replace(told, intervals={(0,): (0.4, 0.6), (1,): (0.0, 1.0), (0, 1): (1.0, 2.0)})
    found = forecast(told, gains)
    assert found.ratio == pytest.approx(0.8)  # of 0.5, 1.0, 0.8
    assert found.ratio_by_size == {"1": pytest.approx(0.75), "2": pytest.approx(0.8)}
    assert found.close == pytest.approx(2 / 3)
    assert found.covered == pytest.approx(2 / 3)
    assert forecast(replace(told, intervals={}), gains).covered is None


def test_the_pool_is_distinct_structured_first_and_reproducible():
    pool = candidate_pool(range(12), size=4, count=30, seed=0)
    assert list(pool)[:4] == ["first-k", "last-k", "middle-k", "uniform-k"]
    assert len(set(pool.values())) == 30
    assert all(len(set(p)) == 4 and list(p) == sorted(p) for p in pool.values())
    assert pool == candidate_pool(range(12), size=4, count=30, seed=0)
    assert pool != candidate_pool(range(12), size=4, count=30, seed=1)
    assert len(candidate_pool(range(5), size=2, count=30, seed=0)) == 10


def test_structured_placements_of_twelve_layers():
    assert structured_placements(range(12), 4) == {
        "first-k": (0, 1, 2, 3),
        "last-k": (8, 9, 10, 11),
        "middle-k": (4, 5, 6, 7),
        "uniform-k": (1, 4, 7, 10),
    }
    assert single_layers((3, 5)) == {"layer-3": (3,), "layer-5": (5,)}
    assert single_layers(range(30), 3) == {"layer-5": (5,), "layer-15": (15,), "layer-25": (25,)}
    with pytest.raises(InputError, match="9 single layers do not fit a model of 3"):
        single_layers(range(3), 9)


def test_a_size_has_a_pool_of_its_own_and_the_same_as_alone():
    options = CompareOptions(sizes=(2, 5), placements=8, singles=4)
    found = candidates(range(12), options)
    assert [one.layers for one in found if one.role == "all"] == [tuple(range(12))]
    for size in (2, 5):
        alone = candidate_pool(range(12), size=size, count=8, seed=0)
        own = [one for one in found if one.role == "pool" and len(one.layers) == size]
        assert [one.layers for one in own] == list(alone.values())
    assert len({one.label for one in found}) == len(found) == 1 + 8 + 8 + 4


@pytest.mark.parametrize(
    ("size", "count", "message"),
    [
        (13, 30, "a placement of 13 layers does not fit a model of 12"),
        (0, 30, "a placement of 0 layers"),
        (4, 2, "at least 3 placements, got 2"),
    ],
)
def test_a_pool_that_cannot_be_drawn_is_refused(size, count, message):
    with pytest.raises(InputError, match=message):
        candidate_pool(range(12), size=size, count=count, seed=0)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from realmodel.evidence.agreement import agreement, spearman
from realmodel.evidence.pool import candidate_pool, single_layers
from realmodel.evidence.summary import ScoredBaseline, summarise
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


def test_regret_is_against_the_best_of_the_size():
    gains = {(0, 1): [1.0, 1.2], (1, 2): [0.5, 0.5], (0, 2): [0.9, 0.9], (0, 1, 2): [2.0, 2.0]}
    gains |= {(k,): [0.1 * k, 0.1 * k] for k in range(3)}
    gains = {k: np.array(v) for k, v in gains.items()}
    values = {layers: float(sum(layers)) for layers in gains}
    scored = ScoredBaseline("s", "S", "source", values, (0, 2), 1.0)
    pool = ((0, 1), (1, 2), (0, 2))
    found = summarise(scored, gains, pool=pool, singles=((0,), (1,), (2,)), everything=(0, 1, 2))
    assert found.regret == pytest.approx(0.2)
    assert found.regret_share == pytest.approx(0.1)
    assert found.single_layers.spearman == pytest.approx(1.0)
    assert found.placements.spearman == pytest.approx(-1.0)


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

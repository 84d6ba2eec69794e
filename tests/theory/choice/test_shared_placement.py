"""One placement for several tasks against every set, at any coupling and in both forms."""

import itertools

import numpy as np
import pytest

from tests.theory.choice.test_certificate import both_forms
from theory import BlockQuadratic, CostModel, InputError, KernelQuadratic, shared_placement
from theory.choice.block_split import BlockSplit
from theory.choice.choices import choices
from theory.choice.relaxation import relax
from theory.choice.task_mixture import TaskMixture

LAYERS = 7


def tasks(seed: int, count: int, kind: int) -> list[BlockQuadratic | KernelQuadratic]:
    return [both_forms(100 * seed + at, (2,) * LAYERS, 9, 0.3)[kind] for at in range(count)]


def shares(found: list[BlockQuadratic | KernelQuadratic], layers: tuple[int, ...]) -> np.ndarray:
    return np.array([task.gain(layers) / task.gain(tuple(range(LAYERS))) for task in found])


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("combine", ["worst", "mean"])
def test_it_is_the_best_of_all_sets(kind: int, combine: str) -> None:
    combined = {"worst": np.min, "mean": np.mean}[combine]
    for seed, size, count in ((0, 3, 2), (1, 1, 3), (2, 2, 1)):
        drawn = tasks(seed, count, kind)
        found = shared_placement(drawn, size, combine=combine)
        every = itertools.combinations(range(LAYERS), size)
        best = max(float(combined(shares(drawn, layers))) for layers in every)
        assert found.placement.gain == pytest.approx(best, rel=1e-9)
        assert found.placement.guarantee.fraction == 1.0
        np.testing.assert_allclose(found.shares, shares(drawn, found.placement.layers))
        assert found.placement.gain == pytest.approx(float(combined(found.shares)))


def test_within_a_budget_of_layers_that_cost_differently() -> None:
    cost = CostModel((3.0, 1.0, 2.0, 1.0, 2.0, 1.0, 3.0))
    drawn = tasks(9, 2, 1)
    found = shared_placement(drawn, 5.0, cost, candidates=range(1, 7))
    sets = [s for n in range(1, 7) for s in itertools.combinations(range(1, 7), n)]
    best = max(shares(drawn, s).min() for s in sets if cost.of(s) <= 5.0)
    assert found.placement.gain == pytest.approx(best, rel=1e-9)
    assert found.placement.cost <= 5.0


def test_every_mixture_bounds_every_set() -> None:
    """10a over the tasks, from the definition."""
    rng = np.random.default_rng(1)
    drawn = tasks(3, 3, 0)
    splits = tuple(BlockSplit.flat(task) for task in drawn if isinstance(task, BlockQuadratic))
    assert all(split is not None for split in splits)
    wholes = np.array([task.gain() for task in drawn if isinstance(task, BlockQuadratic)])
    best = max(shares(drawn, s).min() for s in itertools.combinations(range(LAYERS), 3))
    bounds = []
    for _ in range(50):
        mixture = TaskMixture(splits, wholes, rng.dirichlet(np.ones(3)), True)  # type: ignore[arg-type]
        found = mixture.respond(rng.uniform(0.05, 1.0, LAYERS))
        bounds.append(found.energy + np.sort(found.prices)[-3:].sum())
    assert min(bounds) >= best * (1 - 1e-9)


def test_weights_that_sum_to_less_bound_nothing() -> None:
    """Of two tasks that are one, the mixture's bound is that of the one: half of it is too low."""
    (task,) = tasks(3, 1, 1)
    assert isinstance(task, KernelQuadratic)
    whole = np.full(2, task.gain(range(LAYERS)))
    (allowed,) = choices(LAYERS, 3, None, range(LAYERS))
    best = max(task.gain(s) for s in itertools.combinations(range(LAYERS), 3)) / whole[0]
    for total, holds in ((1.0, True), (0.5, False)):
        mixture = TaskMixture((task, task), whole, np.array([0.3, 0.7]) * total, True)
        assert (relax(mixture, allowed).upper >= best) == holds


def test_a_stopped_search_says_how_good_it_is() -> None:
    drawn = [both_forms(seed, (2,) * 10, 12, 0.05)[1] for seed in (1, 2)]
    found = shared_placement(drawn, 4, node_limit=1)
    whole = shared_placement(drawn, 4)
    guarantee = found.placement.guarantee
    assert guarantee.best_gain_at_most >= whole.placement.gain * (1 - 1e-9)
    assert found.placement.gain >= guarantee.fraction * whole.placement.gain * (1 - 1e-9)


def test_what_is_refused() -> None:
    one, two = tasks(0, 2, 0)
    small = BlockQuadratic(np.ones(2), np.eye(2), (1, 1))
    silent = BlockQuadratic(np.zeros(2), np.eye(2), (1, 1))
    with pytest.raises(InputError, match="no task"):
        shared_placement([], 1)
    with pytest.raises(InputError, match=r"different numbers of layers: \[7, 2\]"):
        shared_placement([one, small], 1)
    with pytest.raises(InputError, match="task 1 gains nothing"):
        shared_placement([small, silent], 1)
    with pytest.raises(InputError, match="cannot choose 8 of 7"):
        shared_placement([one, two], 8)
    with pytest.raises(InputError, match="'worst' or 'mean', not 'best'"):
        shared_placement([one, two], 2, combine="best")

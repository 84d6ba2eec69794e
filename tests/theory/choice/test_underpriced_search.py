"""A cost above a cost model, against every set; costs of depth that units share."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from theory import BlockQuadratic, CostModel, InputError, KernelQuadratic, search_within_budget
from theory.choice.underpriced_search import UnderpricedCost, search_underpriced

UNITS = 8
GROUPS = (0, 0, 0, 1, 2, 2, 3, 3)
HEIGHTS = (4.0, 4.0, 4.0, 3.0, 3.0, 2.0, 2.0, 1.0)


def every_set() -> list[tuple[int, ...]]:
    return [s for n in range(1, UNITS + 1) for s in itertools.combinations(range(UNITS), n)]


def kernels(seed: int) -> KernelQuadratic:
    rng = np.random.default_rng(seed)
    return KernelQuadratic.of(
        [
            KernelQuadratic.layer(rng.normal(size=(6, 3)), rng.normal(size=3), 0.5)
            for _ in range(UNITS)
        ]
    )


def shared_cost(seed: int) -> UnderpricedCost:
    """Units of a group pay its charge once, and the lowest pays for depth."""
    rng = np.random.default_rng(seed)
    own, charges = rng.uniform(0, 1, UNITS), rng.uniform(0, 3, max(GROUPS) + 1)
    base, depth = rng.uniform(0, 1, 2).tolist()
    members = [GROUPS.count(group) for group in GROUPS]

    def of(chosen: Sequence[int]) -> float:
        touched = {GROUPS[at] for at in chosen}
        reach = max(HEIGHTS[at] for at in chosen)
        return float(base + depth * reach + own[list(chosen)].sum() + charges[list(touched)].sum())

    least = tuple(own[at] + charges[GROUPS[at]] / members[at] for at in range(UNITS))
    return UnderpricedCost(of, CostModel(least, base, depth, HEIGHTS))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("tried", [0, UNITS])
def test_against_every_set(seed: int, share: float, tried: int) -> None:
    quadratic, cost, sets = kernels(seed), shared_cost(seed), every_set()
    assert all(cost.at_least.of(s) <= cost.of(s) * (1 + 1e-12) for s in sets)
    least, most = min(map(cost.of, sets)), max(map(cost.of, sets))
    budget = least + share * (most - least)
    best = max(quadratic.gain(s) for s in sets if cost.of(s) <= budget * (1 + 1e-9))
    found = search_underpriced(
        lambda model: search_within_budget(quadratic, budget, model),
        quadratic.gain,
        budget,
        cost,
        tried=tried,
    )
    assert found.cost == cost.of(found.layers) <= budget * (1 + 1e-9)
    assert found.gain == pytest.approx(quadratic.gain(found.layers))
    assert found.guarantee.best_gain_at_most >= best * (1 - 1e-9)
    assert found.gain >= found.guarantee.fraction * best * (1 - 1e-9)
    known = next(s for s in sets if cost.of(s) <= budget)
    again = search_underpriced(
        lambda model: search_within_budget(quadratic, budget, model, start=known),
        quadratic.gain,
        budget,
        cost,
        start=known,
        tried=tried,
    )
    assert again.gain >= quadratic.gain(known)
    assert cost.of(again.layers) <= budget * (1 + 1e-9)
    assert again.guarantee.best_gain_at_most >= best * (1 - 1e-9)
    if tried or share == 1.0:
        assert found.gain == pytest.approx(best)


def test_candidates_and_a_budget_that_admits_none() -> None:
    quadratic, cost = kernels(0), shared_cost(0)

    def search(model: CostModel):
        return search_within_budget(quadratic, 100.0, model, candidates=[1, 4])

    for tried in (0, UNITS):
        found = search_underpriced(
            search, quadratic.gain, 100.0, cost, candidates=[4, 1], tried=tried
        )
        assert found.layers == (1, 4)
    with pytest.raises(InputError, match=r"start .* costs .*, beyond the budget 0\.001"):
        search_underpriced(search, quadratic.gain, 1e-3, cost, start=(1,))
    with pytest.raises(InputError, match="is no set of the candidates within the budget"):
        search_within_budget(quadratic, 100.0, cost.at_least, candidates=[1, 4], start=[2])
    with pytest.raises(InputError, match=r"budget 0\.001 admits none: the cheapest costs "):
        search_underpriced(search, quadratic.gain, 1e-3, cost)


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0])
def test_units_that_share_a_height(make, blocks: bool, share: float) -> None:
    quadratic: BlockQuadratic | KernelQuadratic = kernels(3)
    if blocks:
        quadratic = make(5, (1, 2, 1, 1, 2, 1, 1, 1), 1.5, -1)
    cost = CostModel((1.0, 0.5, 2.0, 1.0, 0.3, 1.0, 0.7, 0.2), 2.0, 0.8, HEIGHTS)
    sets = every_set()
    least, most = min(map(cost.of, sets)), max(map(cost.of, sets))
    budget = least + share * (most - least)
    best = max(quadratic.gain(s) for s in sets if cost.of(s) <= budget + 1e-9)
    found = search_within_budget(quadratic, budget, cost)
    assert found.gain == pytest.approx(best, rel=1e-9)
    assert found.cost <= budget + 1e-9
    assert found.guarantee.best_gain_at_most >= best * (1 - 1e-9)


@pytest.mark.parametrize("heights", [(1.0, 2.0), (1.0,), (1.0, -1.0), (float("nan"), 0.0)])
def test_heights_that_make_no_sense(heights: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"heights must be|must be finite"):
        CostModel((1.0, 1.0), per_depth=1.0, heights=heights)

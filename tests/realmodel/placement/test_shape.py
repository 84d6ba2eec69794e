"""Shapes against every set of theirs, and their price against any layers."""

from collections.abc import Callable
from itertools import combinations

import pytest

from realmodel import report
from realmodel.card import LayerCard
from realmodel.placement import place
from realmodel.placement.shape import Shape
from theory import InputError

LAYERS = 7
EVERY = [s for size in range(1, LAYERS + 1) for s in combinations(range(LAYERS), size)]


@pytest.fixture(scope="module")
def small(make_card: Callable[..., LayerCard]) -> LayerCard:
    return make_card(seed=5, layers=LAYERS)


def is_run(chosen: tuple[int, ...]) -> bool:
    return chosen == tuple(range(chosen[0], chosen[-1] + 1))


DEFINED: dict[str, Callable[[tuple[int, ...]], bool]] = {
    "suffix": lambda s: is_run(s) and s[-1] == LAYERS - 1,
    "contiguous": is_run,
    "prefix-free": lambda s: s[0] >= 3,
    "prefix-free:5": lambda s: s[0] >= 5,
}


@pytest.mark.parametrize("shape", DEFINED)
@pytest.mark.parametrize(
    ("objective", "budget"),
    [("gain", "2"), ("parameters", "60%"), ("time", "80%"), ("serving", "30%")],
)
def test_the_best_of_its_shape(small: LayerCard, shape: str, objective: str, budget: str) -> None:
    kind = "parameters" if objective == "gain" else objective
    cost = small.costs.of(kind)
    limit = cost.of(range(2)) if objective == "gain" else 1e-2 * float(budget[:-1])
    if objective != "gain":
        limit *= small.costs.everything(kind)
    fitting = [s for s in EVERY if cost.of(s) <= limit * (1 + 1e-9)]
    gain = small.quadratic.gain
    shaped = [s for s in fitting if DEFINED[shape](s) and (objective != "gain" or len(s) == 2)]
    choice = place(small, objective=objective, budget=budget, shape=shape)
    assert choice.best.layers == max(shaped, key=gain)
    assert choice.certificate.gap == pytest.approx(0.0, abs=1e-9)
    assert choice.shape is not None
    free = max(map(gain, fitting))
    assert choice.shape.free.gain == pytest.approx(free)
    assert choice.shape.price == pytest.approx(1 - choice.best.gain / free)
    assert choice.shape.price_at_most >= choice.shape.price - 1e-12
    assert all(DEFINED[shape](point.layers) for point in choice.front)
    others = [s for s in shaped if not set(s) >= set(choice.best.layers)]
    if others and choice.runner_up is not None:
        assert choice.runner_up.layers == max(others, key=gain)


def test_any_has_no_price(small: LayerCard) -> None:
    assert place(small, objective="gain", budget="2").shape is None
    assert place(small, objective="gain", budget="2").to_dict()["shape"] is None


def test_the_price_is_told(small: LayerCard) -> None:
    choice = place(small, objective="gain", budget="2", shape="suffix")
    rows = dict(report.verdict(small, choice).rows)
    assert rows["shape"].startswith("the last layers alone, the best of 1 such sets: costs ")
    assert "within the budget and the shape" in rows["certified"]
    assert choice.to_dict()["shape"]["free_layers"] == list(
        place(small, objective="gain", budget="2").best.layers
    )


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("square", "unknown shape 'square': choose any, suffix, contiguous, prefix-free"),
        ("suffix:3", "unknown shape 'suffix:3'"),
        ("prefix-free:", "a prefix is a number of layers"),
        ("prefix-free:-1", "a prefix is a number of layers"),
        ("prefix-free:7", "leaves none of 7 layers"),
    ],
)
def test_what_is_no_shape(small: LayerCard, shape: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        place(small, objective="gain", budget="1", shape=shape)


def test_a_shape_that_the_candidates_cannot_have(small: LayerCard) -> None:
    with pytest.raises(InputError, match="no set of shape suffix fits 2 layers"):
        place(small, objective="gain", budget="2", shape="suffix", layers=[0, 1])
    with pytest.raises(InputError, match="leaves none of the layers to choose from"):
        place(small, objective="gain", budget="1", shape="prefix-free", layers=[0, 1])
    assert Shape.parse("prefix-free:0", 7).candidates(range(7)) == tuple(range(7))

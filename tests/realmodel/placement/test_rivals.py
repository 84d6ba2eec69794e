"""What stands beside the recommended layers, against every set of their size."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from realmodel.card import LayerCard
from realmodel.placement import place
from realmodel.placement.rivals import rivals


@pytest.fixture
def small(make_card: Callable[..., LayerCard]) -> LayerCard:
    return make_card(layers=7)


def test_intervals_are_of_95_percent(small: LayerCard) -> None:
    choice = place(small, objective="gain", budget="3")
    model = small.predictor(choice.predictor)
    found = rivals(small, choice)
    assert [one.name for one in found] == [
        "recommended", "runner-up", "first", "last", "uniform", "random",
    ]  # fmt: skip
    for one in found[:-1]:
        assert one.layers is not None
        gain, error = model.quadratic.gain(one.layers), model.gain_error(one.layers)
        assert error is not None
        assert error > 0
        assert one.gain == gain
        assert one.high - gain == pytest.approx(1.96 * error)
        assert one.low == pytest.approx(max(gain - 1.96 * error, 0.0))


def test_random_sets_are_all_sets_where_there_are_few(small: LayerCard) -> None:
    choice = place(small, objective="gain", budget="3")
    quadratic = small.predictor(choice.predictor).quadratic
    gains = sorted(quadratic.gain(layers) for layers in combinations(range(7), 3))
    drawn = rivals(small, choice)[-1]
    assert drawn.layers is None
    assert drawn.gain == pytest.approx(np.mean(gains))
    assert (drawn.low, drawn.high) == pytest.approx(tuple(np.percentile(gains, [5, 95])))
    assert gains[0] < drawn.low < drawn.high < gains[-1]

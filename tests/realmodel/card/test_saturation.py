"""The curve from the model's gain to the one that comes true."""

from math import inf

import numpy as np
import pytest

from realmodel.card.saturation import Saturation
from theory import InputError


@pytest.mark.parametrize(
    ("some", "whole"),
    [((0.5, 0.6), (1.0, 0.9)), ((1.0, 1.151), (4.24, 1.274)), ((0.01, 0.001), (9.0, 0.4))],
)
def test_it_passes_both_points_and_stays_below_its_ceiling(
    some: tuple[float, float], whole: tuple[float, float]
) -> None:
    curve = Saturation.through(some, whole)
    assert curve.gain(some[0]) == pytest.approx(some[1], rel=1e-12)
    assert curve.gain(whole[0]) == pytest.approx(whole[1], rel=1e-12)
    gains = np.array([curve.gain(p) for p in np.linspace(0.0, 100.0, 2001)])
    assert gains[0] == 0
    assert gains[-1] < curve.ceiling
    assert (np.diff(gains) > 0).all()
    assert (np.diff(gains, 2) < 0).all()


def test_few_layers_that_gain_all_leave_two_percent_to_the_rest() -> None:
    curve = Saturation.through((0.5, 1.2), (1.0, 1.0))
    assert curve.gain(0.5) == pytest.approx(0.98)
    assert curve.gain(1.0) == pytest.approx(1.0)


def test_without_saturation_it_is_a_line() -> None:
    assert Saturation.through((0.5, 0.1), (1.0, 0.9)) == Saturation(0.9, inf)
    assert Saturation.through((0.7, 0.7), (0.7, 0.7)).ceiling == inf


@pytest.mark.parametrize(
    ("some", "whole"),
    [((0.5, 0.0), (1.0, 0.9)), ((0.5, 0.1), (1.0, -0.9)), ((2.0, 0.1), (1.0, 0.9))],
)
def test_points_that_no_curve_has_are_refused(
    some: tuple[float, float], whole: tuple[float, float]
) -> None:
    with pytest.raises(InputError, match="no curve"):
        Saturation.through(some, whole)

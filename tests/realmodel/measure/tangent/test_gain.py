"""The tangent gain against an explicit integration of Adam's flow."""

import numpy as np
import pytest
from scipy.linalg import expm

from theory import InputError

TIME = 0.7


def explicit(gradients, layers, time):
    """Loss decrease of theta' = -P (g + F theta) by the matrix exponential."""
    g, F, v = gradients.dense(layers)
    P = np.diag(v**-0.5)
    size = len(g)
    flow = np.zeros((size + 1, size + 1))
    flow[:size, :size], flow[:size, size] = -P @ F, -P @ g
    theta = expm(time * flow)[:size, size]
    return -(g @ theta + 0.5 * theta @ F @ theta)


@pytest.mark.parametrize("layers", [(0,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("time", [0.01, TIME, 20.0])
def test_the_gain_is_that_of_the_preconditioned_flow(gradients, layers, time):
    assert gradients.gain(time).value(layers) == pytest.approx(
        explicit(gradients, layers, time), rel=1e-8
    )


def test_a_short_time_gives_the_first_order_gain_which_is_additive(gradients):
    score = gradients.gain(1e-7)
    first_order = sum(own.square for own in score.kernels.values()) * 1e-7
    assert score.value((0, 1, 2)) == pytest.approx(first_order, rel=1e-4)
    long = gradients.gain(TIME)
    assert long.value((0, 1, 2)) != pytest.approx(sum(long.value((k,)) for k in range(3)))


def test_the_pick_is_the_best_set(gradients):
    best = max([(0, 1), (0, 2), (1, 2)], key=lambda s: explicit(gradients, s, TIME))
    assert gradients.gain(TIME).pick(2) == best


def test_a_greedy_pick_when_there_are_too_many_sets(gradients, monkeypatch):
    monkeypatch.setattr("realmodel.measure.tangent.gain.EXHAUSTIVE_UP_TO", 0)
    score = gradients.gain(TIME)
    first = max(range(3), key=lambda k: score.value((k,)))
    assert first in score.pick(2)
    assert len(score.pick(2)) == 2


def test_a_pick_of_too_many_layers_is_refused(gradients):
    with pytest.raises(InputError, match="cannot choose 4 of 3 layers"):
        gradients.gain(TIME).pick(4)


def test_a_coordinate_without_a_gradient_does_not_move(gradients):
    for rows in (gradients.data[1], gradients.sampled[1]):
        rows[:, 2] = 0
    assert np.isfinite(gradients.gain(TIME).value((1,)))

"""What must not matter: rotations inside a layer, the order of layers, the units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulate import Moments, linear_gaussian_world
from simulate.fits import alternating_least_squares, closed_form
from simulate.placement_rules import RULES
from theory import additivity

LAYERS, DIMENSION = 5, 3


def moments(seed):
    return linear_gaussian_world(
        np.random.default_rng(seed), layers=LAYERS, dimension=DIMENSION, outputs=2, strength=0.8
    ).moments


def rotated(made, seed):
    """Another orthonormal basis for each layer's features."""
    rng = np.random.default_rng(seed)
    Q = np.zeros_like(made.second_moment)
    for at in made.slices:
        Q[at, at] = np.linalg.qr(rng.standard_normal((DIMENSION, DIMENSION)))[0]
    return Moments(Q @ made.second_moment @ Q.T, made.cross_moment @ Q.T, made.sizes)


def permuted(made, order):
    at = np.concatenate([np.arange(sum(made.sizes))[made.slices[layer]] for layer in order])
    return Moments(made.second_moment[np.ix_(at, at)], made.cross_moment[:, at], made.sizes)


def scaled(made, factor):
    """Features of each layer in other units, and the outputs in units of ``factor``."""
    units = np.repeat(np.linspace(0.1, 9.0, LAYERS), DIMENSION)
    return Moments(
        made.second_moment * np.outer(units, units),
        factor * made.cross_moment * units,
        made.sizes,
    )


def numbers(made):
    record = additivity(made.quadratic)
    return np.array(
        [record.gain, record.sum_of_gains, record.displacement**2, record.excess_loss]
    ), np.array([record.coupling, record.mu_min, record.mu_max, record.alignment])


def check_same(left, right, *, loss=1.0, rtol=1e-7):
    """Losses agree up to their unit, couplings as they are."""
    np.testing.assert_allclose(numbers(left)[0] * loss, numbers(right)[0], rtol=rtol)
    np.testing.assert_allclose(numbers(left)[1], numbers(right)[1], rtol=rtol, atol=1e-10)


def test_the_check_fails_on_another_world():
    with pytest.raises(AssertionError):
        check_same(moments(0), moments(1))


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_rotation_inside_a_layer(seed):
    made = moments(seed)
    turned = rotated(made, seed + 1)
    check_same(made, turned)
    np.testing.assert_allclose(turned.quadratic.residual_norms, made.quadratic.residual_norms)
    rng = np.random.default_rng
    for name in ("residual", "greedy", "exact"):
        chosen = RULES[name](made.quadratic, 2, rng(0))
        assert RULES[name](turned.quadratic, 2, rng(0)) == chosen


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.permutations(range(LAYERS)))
def test_order_of_the_layers(seed, order):
    made = moments(seed)
    moved = permuted(made, order)
    check_same(made, moved)
    np.testing.assert_allclose(
        moved.quadratic.residual_norms, made.quadratic.residual_norms[list(order)]
    )
    chosen = RULES["exact"](moved.quadratic, 2, np.random.default_rng(0))
    back = tuple(sorted(order[layer] for layer in chosen))
    assert back == RULES["exact"](made.quadratic, 2, np.random.default_rng(0))


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3))
def test_units_of_features_and_outputs(seed, factor):
    made = moments(seed)
    check_same(made, scaled(made, factor), loss=factor**2)


def test_fits_follow_the_rotation():
    made = moments(0)
    turned = rotated(made, 1)
    assert closed_form(turned, (0, 3)).gain == pytest.approx(closed_form(made, (0, 3)).gain)
    ranks, rng = {0: 1, 3: 1}, np.random.default_rng
    gains = [
        max(alternating_least_squares(m, ranks, rng(s), tolerance=1e-10).gain for s in range(4))
        for m in (made, turned)
    ]
    assert gains[0] == pytest.approx(gains[1], rel=1e-6)


def test_a_layer_that_is_independent_of_the_rest_adds_its_own_gain():
    made = moments(0)
    sigma = made.second_moment.copy()
    last = made.slices[-1]
    sigma[last, : last.start] = sigma[: last.start, last] = 0.0
    apart = Moments(sigma, made.cross_moment, made.sizes)
    q = apart.quadratic
    assert q.gain() == pytest.approx(q.gain((0, 1, 2, 3)) + q.gain((4,)))

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulate import Moments, linear_gaussian_world
from simulate.fits import alternating_least_squares, closed_form, gradient_descent
from theory import InputError, LinearAdapter, StepBudget, additivity


def moments(seed=0, **options):
    defaults = {"layers": 4, "dimension": 3, "outputs": 3, "condition": 20.0}
    return linear_gaussian_world(np.random.default_rng(seed), **{**defaults, **options}).moments


SETS = st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True).map(tuple)


@settings(max_examples=20)
@given(st.integers(0, 500), SETS)
def test_closed_form_is_stationary_and_gains_what_the_quadratic_predicts(seed, layers):
    made = moments(seed)
    fit = closed_form(made, layers)
    at = made.features(layers)
    slope = made.cross_moment - fit.adapter @ made.second_moment
    np.testing.assert_allclose(slope[:, at], 0.0, atol=1e-9)
    rest = np.setdiff1d(np.arange(12), at)
    assert (fit.adapter[:, rest] == 0).all()
    assert fit.gain == pytest.approx(made.quadratic.gain(layers))
    record = additivity(made.quadratic, layers)
    assert record.signed_lower * (1 - 1e-9) <= fit.gain <= record.signed_upper * (1 + 1e-9)


@settings(max_examples=20)
@given(st.integers(0, 500), SETS, st.integers(0, 60))
def test_gradient_descent_gains_what_the_step_budget_predicts(seed, layers, steps):
    made = moments(seed)
    fit = gradient_descent(made, layers, steps=steps)
    at = made.features(layers)
    adapter = LinearAdapter.from_moments(
        -made.cross_moment[:, at], made.second_moment[np.ix_(at, at)]
    )
    assert fit.gain == pytest.approx(StepBudget.of(adapter).gain(steps), abs=1e-10)
    assert fit.gains[-1] == pytest.approx(made.reduction(fit.adapter))
    assert (np.diff(fit.gains) >= -1e-12).all()


def test_gradient_descent_ends_at_the_closed_form():
    made = moments()
    trained, solved = gradient_descent(made, (0, 2), steps=3000), closed_form(made, (0, 2))
    np.testing.assert_allclose(trained.adapter, solved.adapter, rtol=1e-6)


@settings(max_examples=12)
@given(st.integers(0, 500), st.integers(0, 3), st.integers(1, 3))
def test_alternating_least_squares_in_one_layer_is_reduced_rank_regression(seed, layer, rank):
    made = moments(seed)
    fit = alternating_least_squares(
        made, {layer: rank}, np.random.default_rng(seed), sweeps=300, tolerance=1e-11
    )
    at = made.slices[layer]
    best = LinearAdapter.from_moments(-made.cross_moment[:, at], made.second_moment[at, at])
    assert fit.gain == pytest.approx(best.best_gain(rank), rel=1e-5)
    assert fit.gain <= best.best_gain(rank) * (1 + 1e-9)
    assert np.linalg.matrix_rank(fit.adapter[:, at], tol=1e-8) <= rank


@settings(max_examples=12)
@given(st.integers(0, 500), SETS, st.integers(1, 2))
def test_alternating_least_squares_rises_and_respects_rank_and_layers(seed, layers, rank):
    made = moments(seed)
    fit = alternating_least_squares(
        made, dict.fromkeys(layers, rank), np.random.default_rng(seed), sweeps=40
    )
    assert (np.diff(fit.gains) >= -1e-9).all()
    assert fit.gain <= made.quadratic.gain(layers) * (1 + 1e-9)
    for layer, at in enumerate(made.slices):
        found = np.linalg.matrix_rank(fit.adapter[:, at], tol=1e-8)
        assert found <= (rank if layer in layers else 0)


def test_full_rank_reaches_the_closed_form():
    made = moments()
    fit = alternating_least_squares(made, dict.fromkeys(range(4), 3), np.random.default_rng(0))
    assert fit.gain == pytest.approx(made.quadratic.gain(), rel=1e-9)


def test_a_layer_of_rank_zero_stays_untuned():
    made = moments()
    rng = np.random.default_rng
    some = alternating_least_squares(made, {0: 2, 1: 0}, rng(1))
    assert some.layers == (0,)
    alone = alternating_least_squares(made, {0: 2}, rng(1)).gain
    assert some.gain == pytest.approx(alone, rel=1e-12)


def test_a_ridge_shrinks_the_adapter():
    made = moments()
    plain, shrunk = closed_form(made), closed_form(made, ridge=1.0)
    assert np.linalg.norm(shrunk.adapter) < np.linalg.norm(plain.adapter)
    assert shrunk.gain < plain.gain


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: closed_form(m, ()), r"layers \(\)"),
        (lambda m: closed_form(m, ridge=-1.0), "ridge is -1.0"),
        (lambda m: gradient_descent(m, steps=-1), "steps is -1"),
        (lambda m: gradient_descent(m, steps=1, step_size=9.0), "step_size is 9.0"),
        (lambda m: alternating_least_squares(m, {}, np.random.default_rng()), "ranks are {}"),
        (lambda m: alternating_least_squares(m, {0: 4}, np.random.default_rng()), "has rank 4"),
        (lambda m: alternating_least_squares(m, {9: 1}, np.random.default_rng()), "between 0"),
    ],
)
def test_bad_fits_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(moments())


def test_a_singular_second_moment_asks_for_a_ridge():
    singular = Moments(np.ones((2, 2)), np.ones((1, 2)), (1, 1))
    with pytest.raises(InputError, match="give a ridge"):
        closed_form(singular)
    assert closed_form(singular, ridge=0.5).gain > 0

"""The tangent gain as a block quadratic, against the ridged model written out."""

import numpy as np
import pytest

from realmodel.measure.random_subset import random_groups
from realmodel.measure.tangent.quadratic import tangent_quadratic, tangent_replicates
from tests.realmodel.measure.tangent.conftest import Gradients

TIME = 0.7


def ridged_gain(g, F, v):
    return 0.5 * g @ np.linalg.solve(F + np.diag(np.sqrt(v)) / (2 * TIME), g)


@pytest.mark.parametrize("layers", [(0,), (0, 2), (0, 1, 2)])
def test_the_quadratic_is_the_ridged_model(gradients, layers):
    quadratic = tangent_quadratic(gradients.gain(TIME), responses=27)
    assert quadratic.gain(layers) == pytest.approx(ridged_gain(*gradients.dense(layers)), rel=1e-8)


def wide(seed, layers=6, n=40, p=60):
    """More coordinates than sequences, some directions much stiffer than others."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 3))

    def rows():
        return {
            layer: rng.standard_normal((n, p)) + 2 * shared @ rng.standard_normal((3, p))
            for layer in range(layers)
        }

    return Gradients(rows(), rows(), np.full(n, 4.0))


def test_a_few_responses_carry_the_gain_of_every_set():
    """From below, since the basis is a subspace; one response alone is not enough."""
    problem = wide(1)
    rng = np.random.default_rng(2)
    sets = [rng.choice(6, size=rng.integers(1, 6), replace=False).tolist() for _ in range(20)]
    exact = np.array([ridged_gain(*problem.dense(chosen)) for chosen in sets])
    share = {}
    for count in (1, 8, 40):
        quadratic = tangent_quadratic(problem.gain(TIME), responses=count)
        share[count] = np.array([quadratic.gain(sorted(s)) for s in sets]) / exact
    assert share[40] == pytest.approx(np.ones(20), rel=1e-6)
    assert share[8].max() <= 1 + 1e-9
    assert share[8].min() > 0.94
    assert share[1].min() < 0.9


def test_a_small_budget_is_first_order(gradients):
    short = gradients.gain(1e-7)
    found = tangent_quadratic(short)
    assert found.gain((0, 1)) == pytest.approx(short.value((0, 1)), rel=1e-4)
    assert found.coupling < 1e-3 < tangent_quadratic(gradients.gain(TIME)).coupling


def test_a_layer_without_a_gradient_gains_nothing(gradients):
    for rows in (gradients.data[1], gradients.sampled[1]):
        rows[:] = 0
    quadratic = tangent_quadratic(gradients.gain(TIME))
    assert quadratic.layers == 3
    assert quadratic.gain((1,)) == 0


def test_a_replicate_is_the_quadratic_of_the_other_sequences(gradients):
    """In coordinates and with the scaling of all sequences, from an explicit basis."""
    found = tangent_replicates(gradients.gain(TIME), responses=27, seed=3)
    *_, v = gradients.dense(range(3))
    label = np.array(random_groups(9, 9, seed=3))  # nine groups of one sequence
    for group, quadratic in enumerate(found.quadratics):
        g, F, _ = gradients.kept(label != group).dense(range(3))
        # All of a layer's directions are kept here, for it has fewer than sequences.
        assert quadratic.gain() == pytest.approx(ridged_gain(g, F, v), rel=1e-8)


def test_the_error_of_the_gain_is_about_its_spread_over_samples():
    """Jackknife against the spread of the gain over fresh samples of sequences."""
    rng = np.random.default_rng(1)
    mean = {layer: rng.standard_normal(6) for layer in range(2)}

    def measured():
        def draw(offset):
            return {
                layer: (offset * mean[layer] + rng.standard_normal((48, 6))).astype(np.float32)
                for layer in mean
            }

        score = Gradients(draw(1.0), draw(0.0), np.full(48, 3.0)).gain(TIME)
        error = tangent_replicates(score).gain_error((0, 1))
        return tangent_quadratic(score).gain(), error

    gains, errors = np.array([measured() for _ in range(200)]).T
    assert 0.75 < errors.mean() / gains.std() < 1.35


def test_two_sequences_have_no_error(gradients):
    assert tangent_replicates(gradients.kept(np.arange(9) < 2).gain(TIME)) is None

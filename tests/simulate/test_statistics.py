"""The population is the limit of large samples: fixed n, fixed seeds, z-scores."""

import numpy as np
import pytest

from simulate import linear_gaussian_world
from simulate.experiments.residual_norm import LENGTH, cross_fit, one_layer
from simulate.fits import closed_form
from theory import Spectrum, additivity, projected_residual_norm

LIMIT = 4.0


def z_scores(draws, truth):
    """How many standard errors the mean of independent draws lies from the truth."""
    draws = np.asarray(draws, dtype=np.float64)
    spread = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    return (draws.mean(axis=0) - truth) / spread


def check_mean(draws, truth):
    z = z_scores(draws, truth)
    assert np.abs(z).max() < LIMIT, f"z = {z}"


def world(seed=0, **options):
    defaults = {"layers": 3, "dimension": 2, "outputs": 2, "strength": 0.6}
    return linear_gaussian_world(np.random.default_rng(seed), **{**defaults, **options})


def samples(made, n, count, **options):
    return [made.sample(n, np.random.default_rng(seed), **options) for seed in range(count)]


def test_the_check_fails_on_a_wrong_mean():
    draws = np.random.default_rng(0).standard_normal((400, 3))
    check_mean(draws, np.zeros(3))
    with pytest.raises(AssertionError, match="z ="):
        check_mean(draws, np.array([0.0, 0.3, 0.0]))


@pytest.mark.parametrize("dependence", [0.0, 0.6])
def test_sample_moments_are_unbiased(dependence):
    made = world()
    drawn = samples(made, 40, 400, sequence=4, dependence=dependence)
    check_mean([s.moments.second_moment.ravel() for s in drawn], made.moments.second_moment.ravel())
    check_mean([s.moments.cross_moment.ravel() for s in drawn], made.moments.cross_moment.ravel())


def test_tokens_of_a_sequence_have_the_dependence_asked_for():
    made = world(layers=1, dimension=1, outputs=1, coupling="independent", strength=0.0, noise=1.0)
    drawn = samples(made, 2, 2000, sequence=2, dependence=0.6)
    products = [float(s.features[0, 0] * s.features[1, 0]) for s in drawn]
    check_mean(products, 0.6 * float(made.moments.second_moment[0, 0]))
    apart = [float(s.features[0, 0] * s.features[1, 0]) for s in samples(made, 2, 2000)]
    check_mean(apart, 0.0)


@pytest.mark.parametrize("name", ["gain", "coupling", "alignment", "displacement"])
def test_a_sample_tends_to_the_population_at_the_rate_of_its_size(name):
    # One feature a layer: a repeated extreme eigenvalue would split under sampling, and bias
    # the coupling upwards at the slower rate of its own spread.
    made = world(dimension=1)
    truth = getattr(additivity(made.quadratic), name)
    small, large = (
        np.array([getattr(additivity(s.quadratic), name) for s in samples(made, n, 100)])
        for n in (500, 8000)
    )
    # Sixteen times the tokens: a fourth of the spread; the bias is of the order of spread^2.
    assert small.std() / large.std() == pytest.approx(4.0, rel=0.35)
    assert abs(z_scores(large, truth)) < LIMIT


def test_a_repeated_eigenvalue_biases_the_coupling_of_a_sample_upwards():
    made = world(dimension=2)
    drawn = [s.quadratic.coupling for s in samples(made, 8000, 60)]
    assert z_scores(drawn, made.quadratic.coupling) > LIMIT


def test_the_plug_in_bias_without_signal_is_the_predicted_one():
    made = one_layer(np.random.default_rng(0), 0.0)
    n = 256
    plug_in = [
        projected_residual_norm(-s.moments.cross_moment, s.moments.second_moment) ** 2
        for s in samples(made, n, 200)
    ]
    check_mean(plug_in, made.noise**2 * 4 * 16 / n)


@pytest.mark.parametrize("dependence", [0.0, 0.5])
def test_cross_fitting_without_signal_is_unbiased_and_its_intervals_cover(dependence):
    made = one_layer(np.random.default_rng(0), 0.0)
    fits = [
        cross_fit(s, LENGTH)
        for s in samples(made, 64 * LENGTH, 200, sequence=LENGTH, dependence=dependence)
    ]
    check_mean([fit.squared_norm for fit in fits], 0.0)
    covered = [abs(fit.squared_norm) <= 2.0 * fit.standard_error for fit in fits]
    assert abs(np.mean(covered) - 0.95) < LIMIT * np.sqrt(0.95 * 0.05 / 200) + 0.03


def test_a_jackknife_over_dependent_tokens_does_not_cover():
    made = one_layer(np.random.default_rng(0), 1.0)
    drawn = samples(made, 32 * LENGTH, 100, sequence=LENGTH, dependence=0.5)
    covered = [abs(f.squared_norm - 1.0) <= 2.0 * f.standard_error for f in
               (cross_fit(s, 1) for s in drawn)]  # fmt: skip
    assert np.mean(covered) < 0.9


def test_parameter_error_is_noise_times_the_trace_of_the_inverse():
    made = world(layers=1, dimension=6, condition=100.0, coupling="independent", strength=0.0)
    h = made.sample(100, np.random.default_rng(0)).features
    sigma = h.T @ h / 100
    errors = []
    for seed in range(300):
        noise = made.noise * np.random.default_rng(seed).standard_normal((100, 2))
        sample = type(made.sample(1, np.random.default_rng(0)))(h, h @ made.optimum.T + noise, (6,))
        errors.append(float(np.sum((closed_form(sample.moments).adapter - made.optimum) ** 2)))
    amplification = Spectrum.from_moment(sigma).noise_amplification
    check_mean(errors, made.noise**2 * 2 * amplification / 100)


def test_realised_gain_falls_short_by_the_noise_and_training_gain_exceeds_it():
    made = world(noise=2.0)
    n, p, m = 400, 6, 2
    drawn = samples(made, n, 200)
    fits = [closed_form(s.moments) for s in drawn]
    total = made.quadratic.gain()
    excess = [fit.gain - total for fit in fits]
    shortfall = [total - made.moments.reduction(fit.adapter) for fit in fits]
    # Population risk of least squares with Gaussian features: s^2 m p / (n - p - 1), halved.
    check_mean(shortfall, made.noise**2 * m * p / (n - p - 1) / 2)
    check_mean(excess, made.noise**2 * m * p / n / 2)

"""The cross-fitted estimate: its sum over pairs, its jackknife, and its calibration."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import CrossFit, InputError, cross_fitted_norm, projected_residual_norm


def sample(seed: int, n: int, signal: float, m: int = 2, d: int = 3, tokens: int = 4):
    """Gradient sums of n sequences whose tokens share one noise term, and the true ``Res^2``."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, tokens + 1, n).astype(np.float64)
    C = signal * np.arange(1.0, m * d + 1).reshape(m, d) / (m * d)
    noise = rng.standard_normal((n, m, d))
    return counts[:, None, None] * (C + noise), counts, float(np.square(C).sum())


def naive(G, counts, Sigma, keep) -> float:
    """Weighted mean over ordered pairs of different sequences, from the definition."""
    inverse = np.linalg.inv(Sigma)
    total = weight = 0.0
    for s in keep:
        for t in keep:
            if s != t:
                total += np.sum(G[s] @ inverse * G[t])
                weight += counts[s] * counts[t]
    return total / weight


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 7))
def test_against_the_definition(seed: int, n: int) -> None:
    G, counts, _ = sample(seed, n, signal=1.0)
    root = np.random.default_rng(seed).standard_normal((3, 6))
    Sigma = root @ root.T / 6 + 0.1 * np.eye(3)
    fit = cross_fitted_norm(G, counts, Sigma)
    assert fit.squared_norm == pytest.approx(naive(G, counts, Sigma, range(n)), abs=1e-8)
    left_out = [naive(G, counts, Sigma, [s for s in range(n) if s != k]) for k in range(n)]
    jackknife = np.sqrt((n - 1) / n * np.square(left_out - np.mean(left_out)).sum())
    assert fit.standard_error == pytest.approx(jackknife, rel=1e-6, abs=1e-8)
    whole = projected_residual_norm(G.sum(axis=0) / counts.sum(), Sigma)
    assert fit.plug_in == pytest.approx(whole**2, rel=1e-9)


def test_two_halves_are_the_plain_split() -> None:
    """With equal counts the mean over pairs is the mean over every balanced split."""
    G, _, _ = sample(0, 4, signal=1.0)
    counts = np.ones(4)
    splits = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    products = [np.sum(G[list(a)].mean(axis=0) * G[list(b)].mean(axis=0)) for a, b in splits]
    assert cross_fitted_norm(G, counts, np.eye(3)).squared_norm == pytest.approx(np.mean(products))


def mean_over_every_sample(population: list[tuple[float, float]], n: int) -> float:
    """Exact mean of the estimate over all samples of ``n`` of equally likely ``(h, r)``."""
    estimates = []
    for sample_ in itertools.product(population, repeat=n):
        h, r = np.array(sample_).T
        Sigma = np.array([[np.mean(h**2)]])
        estimates.append(cross_fitted_norm((h * r)[:, None, None], np.ones(n), Sigma).squared_norm)
    return float(np.mean(estimates))


def test_no_bias_at_zero_takes_a_residual_of_mean_zero_given_the_features() -> None:
    """``E[r h] = 0`` alone leaves a bias, since ``Sigma`` comes from the same samples."""
    assert mean_over_every_sample([(1.0, 2.0), (2.0, -1.0)], 4) == pytest.approx(0.1125, rel=1e-12)
    fair = [(1.0, 2.0), (1.0, -2.0), (2.0, 1.0), (2.0, -1.0)]
    assert mean_over_every_sample(fair, 4) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_calibration(signal: float) -> None:
    """Over 400 samples: no bias, an error bar of the right size, and a biased plug-in.

    Without signal the statistic is degenerate and the jackknife about sqrt(2) too wide.
    """
    fits: list[CrossFit] = []
    for seed in range(400):
        G, counts, truth = sample(seed, 24, signal)
        fits.append(cross_fitted_norm(G, counts, np.eye(3)))
    values = np.array([fit.squared_norm for fit in fits])
    z = (values.mean() - truth) / (values.std() / np.sqrt(len(values)))
    assert abs(z) < 4
    stated = np.sqrt(np.mean([fit.standard_error**2 for fit in fits]))
    assert 0.85 < stated / values.std() < (1.25 if signal else 1.7)
    assert np.mean([fit.plug_in for fit in fits]) > truth + 4 * values.std() / 20


def test_kronecker_form_and_ridge() -> None:
    G, counts, _ = sample(1, 5, 1.0)
    Gamma = np.diag([4.0, 9.0])
    fit = cross_fitted_norm(G, counts, np.eye(3), Gamma, ridge=1.0)
    scaled = G / np.sqrt(np.array([4.0, 9.0]))[:, None] / np.sqrt(2.0)
    plain = cross_fitted_norm(scaled, counts, np.eye(3))
    assert fit.squared_norm == pytest.approx(plain.squared_norm)
    assert (fit.ridge, plain.ridge) == (1.0, 0.0)


def test_singular_moment_has_a_reason() -> None:
    G = np.ones((3, 1, 2)) * np.array([1.0, 0.0])
    fit = cross_fitted_norm(G, np.ones(3), np.diag([1.0, 0.0]))
    assert fit.squared_norm == pytest.approx(1.0)
    assert "singular" in (fit.reason or "")


@pytest.mark.parametrize(
    ("n", "counts", "message"),
    [(2, np.ones(2), "at least 3 sequences, got 2"), (3, np.array([1.0, 0.0, 1.0]), "got 0.0")],
)
def test_bad_input(n: int, counts, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cross_fitted_norm(np.ones((n, 1, 1)), counts, np.eye(1))

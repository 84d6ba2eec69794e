"""Measures of modules and of their union, against dense computations."""

import numpy as np
import pytest

from realmodel.card.block_statistics import (
    BlockStatistics,
    block_statistics,
    cross_fitted,
    steps_to,
)
from theory.arrays import Array
from theory.hardness.cross_fit import cross_fitted_norm
from theory.hardness.spectrum import Spectrum

TOKENS = np.array([3.0, 5.0, 4.0, 6.0])


def moment(rng: np.random.Generator, d: int) -> Array:
    X = rng.normal(size=(3 * d, d)) * np.geomspace(1, 5, d)
    return X.T @ X / (3 * d)


def example(seed: int, m: int = 4, d: int = 6) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, m, d)), moment(rng, d), moment(rng, m)


def block(sums: Array, sigma: Array, gamma: Array, group: str = "h") -> BlockStatistics:
    spectra = Spectrum.from_moment(sigma, 0.1), Spectrum.from_moment(gamma, 0.2)
    mean = sums.sum(axis=0) / TOKENS.sum()
    return block_statistics(mean, *spectra, group, 2, sums)[0]


def test_a_module_against_the_dense_inverse() -> None:
    sums, sigma, gamma = example(0)
    own = block(sums, sigma, gamma)
    G = sums.sum(axis=0) / TOKENS.sum()
    S, Z = sigma + 0.1 * np.eye(6), gamma + 0.2 * np.eye(4)
    assert own.residual == pytest.approx(np.trace(np.linalg.solve(Z, G) @ np.linalg.solve(S, G.T)))
    assert own.activation == pytest.approx(np.trace(G @ np.linalg.solve(S, G.T)))
    assert own.at_rank < own.residual


def test_the_gram_matrix_gives_the_cross_fit_of_the_theory() -> None:
    sums, sigma, gamma = example(1)
    own = block(sums, sigma, gamma)
    assert own.gram is not None
    fit = cross_fitted_norm(sums, TOKENS, sigma, gamma, ridge=0.1, output_ridge=0.2)
    value, error = cross_fitted(own.gram, TOKENS)
    assert value == pytest.approx(fit.squared_norm, rel=1e-9)
    assert error == pytest.approx(fit.standard_error, rel=1e-9)


def test_a_union_is_the_block_diagonal_module() -> None:
    """Two modules on different inputs are one module with block-diagonal moments and gradient."""
    first, second = example(2), example(3)

    def diagonal(a: Array, b: Array) -> Array:
        corner = np.zeros((len(a), b.shape[1]))
        other = np.zeros((len(b), a.shape[1]))
        return np.block([[a, corner], [other, b]])

    both = np.stack([diagonal(a, b) for a, b in zip(first[0], second[0], strict=True)])
    union = BlockStatistics.union([block(*first, "a"), block(*second, "b")]).measures(TOKENS)
    dense = block(both, diagonal(first[1], second[1]), diagonal(first[2], second[2]))
    expected = dense.measures(TOKENS)
    for name in (
        "residual_norm",
        "residual_squared_cross_fitted",
        "residual_squared_error",
        "residual_norm_activation",
        "gradient_norm",
        "activation_energy",
        "smallest_eigenvalue",
        "effective_rank",
        "condition_number",
        "noise_amplification",
        "steps_to_90",
    ):
        assert getattr(union, name) == pytest.approx(getattr(expected, name), rel=1e-8), name


def test_a_shared_input_counts_once() -> None:
    sums, sigma, gamma = example(4)
    pair = BlockStatistics.union([block(sums, sigma, gamma), block(sums, sigma, gamma)])
    assert pair.measures(TOKENS).activation_energy == pytest.approx(np.trace(sigma))
    assert pair.residual == pytest.approx(2 * block(sums, sigma, gamma).residual)


def test_steps_against_gradient_descent() -> None:
    sums, sigma, gamma = example(5)
    own = block(sums, sigma, gamma)
    G, S = sums.sum(axis=0) / TOKENS.sum(), sigma + 0.1 * np.eye(6)
    full = 0.5 * np.trace(G @ np.linalg.solve(S, G.T))
    A, eta, steps = np.zeros_like(G), 1 / np.linalg.eigvalsh(S)[-1], 0
    while -np.sum(G * A) - 0.5 * np.trace(A @ S @ A.T) < 0.9 * full:
        A -= eta * (G + A @ S)
        steps += 1
    assert steps_to(own.slopes, 0.9) == steps


def test_too_few_groups_give_a_reason_and_no_number() -> None:
    sums, sigma, gamma = example(6)
    measures = block(sums, sigma, gamma).measures(TOKENS[:2])
    assert measures.residual_squared_cross_fitted is None
    assert "3 groups" in measures.reasons["residual_squared_cross_fitted"]

"""Measures of modules and of their union, against dense computations."""

import numpy as np
import pytest
import torch

from realmodel.card.block_statistics import (
    BlockStatistics,
    block_statistics,
    cross_fitted,
    singular_values,
)
from realmodel.card.moment_spectrum import MomentSpectrum, extreme_eigenvalues
from realmodel.measure.trace_sketch import DIRECTIONS, PROBES, leading_range, trace_sketch
from realmodel.measure.whitener import Whitener
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
    F, E = (
        Whitener.of(moment, ridge * len(moment) / np.trace(moment))  # ridges 0.1 and 0.2
        for moment, ridge in ((sigma, 0.1), (gamma, 0.2))
    )
    spectra = {group: MomentSpectrum.of(sigma, F)}
    return block_statistics(torch.from_numpy(sums), int(TOKENS.sum()), F, E, spectra, 2)[0]


def test_a_module_against_the_dense_inverse() -> None:
    sums, sigma, gamma = example(0)
    own = block(sums, sigma, gamma)
    G = sums.sum(axis=0) / TOKENS.sum()
    S, Z = sigma + 0.1 * np.eye(6), gamma + 0.2 * np.eye(4)
    residual = np.trace(np.linalg.solve(Z, G) @ np.linalg.solve(S, G.T))
    assert own.residual == pytest.approx(residual, rel=1e-10)
    assert own.activation == pytest.approx(np.trace(G @ np.linalg.solve(S, G.T)), rel=1e-10)
    assert own.at_rank < own.residual


def test_the_gram_matrix_gives_the_cross_fit_of_the_theory() -> None:
    sums, sigma, gamma = example(1)
    own = block(sums, sigma, gamma)
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
    ):
        assert getattr(union, name) == pytest.approx(getattr(expected, name), rel=1e-8), name


def test_a_shared_input_counts_once() -> None:
    sums, sigma, gamma = example(4)
    pair = BlockStatistics.union([block(sums, sigma, gamma), block(sums, sigma, gamma)])
    assert pair.measures(TOKENS).activation_energy == pytest.approx(np.trace(sigma))
    assert pair.residual == pytest.approx(2 * block(sums, sigma, gamma).residual)


@pytest.mark.parametrize("d", [5, 300])
@pytest.mark.parametrize("decay", [1.0, 1e-3, 1e-6])
def test_a_spectrum_without_its_eigenvalues_is_that_of_all(d: int, decay: float) -> None:
    """Both sides of the width where Lanczos takes over, flat and crowded at the lower end."""
    rng = np.random.default_rng(7)
    Q, _ = np.linalg.qr(rng.normal(size=(d, d)))
    sigma = (Q * np.geomspace(1.0, decay, d)) @ Q.T
    sigma = (sigma + sigma.T) / 2
    exact, ridge = np.linalg.eigvalsh(sigma), 1e-3
    own = MomentSpectrum.of(sigma, Whitener.of(sigma, ridge))
    full = Spectrum.from_moment(sigma, ridge * np.trace(sigma) / d)
    # Lanczos was asked for a residual of 1e-4; the ends are where they are to that.
    assert own.largest == pytest.approx(exact[-1], rel=1e-3)
    assert own.smallest == pytest.approx(exact[0], rel=1e-3)
    assert own.energy == pytest.approx(full.energy, rel=1e-10)
    assert own.effective_rank == pytest.approx(full.effective_rank, rel=1e-10)
    assert own.noise_amplification == pytest.approx(full.noise_amplification, rel=1e-8)


@pytest.mark.parametrize("d", [6, 300])
def test_a_singular_moment_has_no_condition_number(d: int) -> None:
    X = np.random.default_rng(8).normal(size=(d // 2, d))
    assert extreme_eigenvalues(X.T @ X)[0] == 0.0


def test_a_factor_of_a_singular_moment_need_not_be_triangular() -> None:
    sums, sigma, gamma = example(9)
    sigma[0], sigma[:, 0], sums[..., 0] = 0.0, 0.0, 0.0
    F, E = Whitener.of(sigma, 0.0), Whitener.of(gamma, 0.0)
    assert not F.triangular
    spectra = {"h": MomentSpectrum.of(sigma, F)}
    own, _ = block_statistics(torch.from_numpy(sums), int(TOKENS.sum()), F, E, spectra, 2)
    G = sums.sum(axis=0) / TOKENS.sum()
    expected = np.trace(G @ np.linalg.pinv(sigma, hermitian=True) @ G.T)
    assert own.activation == pytest.approx(expected)
    assert own.measures(TOKENS).condition_number is None


def test_the_singular_values_of_a_wide_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The randomised range finder keeps what matters, and repeats itself."""
    rng = np.random.default_rng(9)
    U, _ = np.linalg.qr(rng.normal(size=(300, 250)))
    V, _ = np.linalg.qr(rng.normal(size=(250, 250)))
    s = np.geomspace(1.0, 1e-3, 250)
    matrix = torch.from_numpy((U * s) @ V.T)
    exact = singular_values(matrix)
    np.testing.assert_allclose(exact, s[:128], rtol=1e-8)
    monkeypatch.setattr("realmodel.card.block_statistics.DENSE_UP_TO", 100)
    state = torch.get_rng_state()
    found = singular_values(matrix)
    np.testing.assert_allclose(found, exact, rtol=1e-2)
    assert (found <= exact * (1 + 1e-9)).all()
    np.testing.assert_array_equal(singular_values(matrix.T), singular_values(matrix.T))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["noise", "decay", "few"])
def test_a_sketch_of_a_wide_gradient_is_within_its_bound(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flat, decaying and low-rank gradients; four standard deviations of the worst spectrum."""
    rng = np.random.default_rng(10)
    m, d = 400, 350
    strength = {"noise": 0.0, "decay": 2.0, "few": 2.0}[kind]
    U, V = (np.linalg.qr(rng.normal(size=(size, 350)))[0] for size in (m, d))
    common = (U * np.geomspace(1.0, 1e-4, 350)) @ V.T
    if kind == "few":
        common = U[:, :5] @ V[:, :5].T
    sums = strength * common + 0.02 * rng.normal(size=(4, m, d))
    sigma, gamma = moment(rng, d), moment(rng, m)
    dense = block(sums, sigma, gamma)
    monkeypatch.setattr("realmodel.card.block_statistics.WHITENED_UP_TO", 300)
    monkeypatch.setattr("realmodel.card.moment_spectrum.INVERTED_UP_TO", 300)
    own = block(sums, sigma, gamma)
    bound = 4 * np.sqrt(2 / PROBES) / (2 * np.sqrt(DIRECTIONS))
    assert own.residual == pytest.approx(dense.residual, rel=bound)
    assert own.activation == pytest.approx(dense.activation, rel=bound)
    assert own.at_rank == pytest.approx(dense.at_rank, rel=1e-2)
    assert own.at_rank <= dense.at_rank * (1 + 1e-9)
    assert np.abs(own.gram - dense.gram).max() <= bound * np.trace(dense.gram)
    assert own.residual != dense.residual  # the sketch was taken
    sketched, exact = own.inputs["h"].noise_amplification, dense.inputs["h"].noise_amplification
    assert sketched == pytest.approx(exact, rel=bound)
    assert sketched != exact


def test_a_sketch_counts_kept_and_probed_directions_once() -> None:
    """On the whole space the mean of ``P P'`` over many probes is the identity."""
    basis = leading_range(lambda X: X[:400], lambda Y: Y, 400, torch.eye(400, dtype=torch.float64))
    P = trace_sketch(basis)
    assert P.shape == (400, DIRECTIONS + PROBES)
    np.testing.assert_allclose(P.T[:DIRECTIONS] @ P[:, :DIRECTIONS], np.eye(DIRECTIONS), atol=1e-12)
    np.testing.assert_allclose(basis.T @ P[:, DIRECTIONS:], 0.0, atol=1e-12)
    # The complement has 240 dimensions: the trace of the identity, within four deviations.
    bound = 4 * np.sqrt(2 / PROBES / 240)
    assert float(P[:, DIRECTIONS:].square().sum()) == pytest.approx(240, rel=bound)


def test_too_few_groups_give_a_reason_and_no_number() -> None:
    sums, sigma, gamma = example(6)
    measures = block(sums, sigma, gamma).measures(TOKENS[:2])
    assert measures.residual_squared_cross_fitted is None
    assert "3 groups" in measures.reasons["residual_squared_cross_fitted"]

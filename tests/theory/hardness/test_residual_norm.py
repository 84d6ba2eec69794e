"""Residual norms against their definition, over condition numbers, scales, ranks and bad input."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import InputError, LinearAdapter, kronecker_residual_norm, projected_residual_norm
from theory.hardness.noise import plug_in_bias
from theory.proofs.problems.noise import SIGNS, NoiseProblems

EPS = np.finfo(np.float64).eps
SEEDS = st.integers(0, 2**32 - 1)


def problem(seed: int, m: int = 3, d: int = 4, exponent: float = 1.0):
    """``(C, Sigma, Res)`` with ``Res`` known from the construction."""
    rng = np.random.default_rng(seed)
    V = np.linalg.qr(rng.standard_normal((d, d)))[0]
    lam = 10 ** (exponent * np.linspace(-0.5, 0.5, d))
    W = rng.standard_normal((m, d))
    return (W * np.sqrt(lam)) @ V.T, (V * lam) @ V.T, float(np.linalg.norm(W))


@given(seed=SEEDS, exponent=st.floats(0, 12))
def test_error_is_within_condition(seed: int, exponent: float) -> None:
    C, Sigma, Res = problem(seed, exponent=exponent)
    assert projected_residual_norm(C, Sigma) == pytest.approx(
        Res, rel=64 * EPS * 10**exponent + 1e-13
    )


@pytest.mark.parametrize("d", [1, 2, 50, 300])
def test_sizes(d: int) -> None:
    C, Sigma, Res = problem(d, m=2, d=d)
    assert projected_residual_norm(C, Sigma) == pytest.approx(Res, rel=1e-9)


@given(seed=SEEDS, s=st.floats(1e-6, 1e6), t=st.floats(1e-6, 1e6))
def test_scales(seed: int, s: float, t: float) -> None:
    C, Sigma, Res = problem(seed)
    assert projected_residual_norm(s * C, t * Sigma) == pytest.approx(
        s / np.sqrt(t) * Res, rel=1e-10
    )


def test_exact_on_rational_input() -> None:
    C, Sigma = [[Fraction(3), Fraction(4)]], [Fraction(9, 4), Fraction(4)]
    exact = sum(c * c / lam for c, lam in zip(C[0], Sigma, strict=True))
    assert exact == 8
    value = projected_residual_norm(
        np.array([[float(c) for c in C[0]]]), np.diag([float(lam) for lam in Sigma])
    )
    assert value == pytest.approx(float(exact) ** 0.5, rel=4 * EPS)


@given(seed=SEEDS, rank=st.integers(1, 6))
def test_rank_is_the_best_low_rank_gain(seed: int, rank: int) -> None:
    C, Sigma, _ = problem(seed)
    adapter = LinearAdapter.from_moments(-C, Sigma)
    norm = projected_residual_norm(C, Sigma, rank=rank)
    B, A = adapter.factors(rank)
    assert adapter.decrease(B @ A) == pytest.approx(norm**2 / 2, rel=1e-9)
    assert np.linalg.matrix_rank(B @ A) <= rank
    rng = np.random.default_rng(seed)
    other = B @ A + 0.1 * rng.standard_normal((3, 1)) @ rng.standard_normal((1, 4))
    U, s, Vt = np.linalg.svd(other, full_matrices=False)
    assert adapter.decrease((U[:, :rank] * s[:rank]) @ Vt[:rank]) <= norm**2 / 2 + 1e-9


def test_full_rank_is_no_limit() -> None:
    C, Sigma, Res = problem(0)
    assert projected_residual_norm(C, Sigma, rank=99) == pytest.approx(Res)
    adapter = LinearAdapter.from_moments(-C, Sigma)
    np.testing.assert_allclose(adapter.best(), C @ np.linalg.inv(Sigma), rtol=1e-9)
    np.testing.assert_allclose(adapter.best(rank=3), adapter.best(), atol=1e-9)


@given(seed=SEEDS)
def test_kronecker_against_the_explicit_block(seed: int) -> None:
    C, Sigma, _ = problem(seed)
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((3, 5))
    Gamma = root @ root.T + 0.1 * np.eye(3)
    block = np.kron(Gamma, Sigma)
    g = C.ravel()
    explicit = np.sqrt(g @ np.linalg.solve(block, g))
    assert kronecker_residual_norm(C, Sigma, Gamma) == pytest.approx(explicit, rel=1e-8)
    adapter = LinearAdapter.from_moments(C, Sigma, Gamma)
    A = adapter.best()
    np.testing.assert_allclose(A.ravel(), -np.linalg.solve(block, g), rtol=1e-6, atol=1e-8)
    assert adapter.decrease(A) == pytest.approx(explicit**2 / 2, rel=1e-8)
    half = adapter.best(rank=1)
    assert adapter.decrease(half) == pytest.approx(
        kronecker_residual_norm(C, Sigma, Gamma, rank=1) ** 2 / 2, rel=1e-8
    )
    # Dropping Gamma leaves a scale of its own in the score.
    assert kronecker_residual_norm(C, Sigma, 4.0 * Gamma) == pytest.approx(explicit / 2, rel=1e-8)


def test_singular_moment_gets_the_pseudo_inverse_and_a_reason() -> None:
    C, Sigma = np.array([[2.0, 0.0]]), np.diag([4.0, 0.0])
    assert projected_residual_norm(C, Sigma) == pytest.approx(1.0, rel=64 * EPS)
    adapter = LinearAdapter.from_moments(C, Sigma)
    assert adapter.reason is not None
    assert "1 of 2 eigenvalues" in adapter.reason
    np.testing.assert_allclose(adapter.best(), [[-0.5, 0.0]], atol=64 * EPS)
    assert LinearAdapter.from_moments(C, Sigma, ridge=0.1).reason is None
    assert np.isfinite(adapter.factors(1)[1]).all()


def test_ridge_is_what_it_says() -> None:
    C, Sigma, _ = problem(1)
    assert projected_residual_norm(C, Sigma, ridge=0.7) == pytest.approx(
        projected_residual_norm(C, Sigma + 0.7 * np.eye(4))
    )


def test_zero_gradient() -> None:
    assert projected_residual_norm(np.zeros((2, 3)), np.eye(3)) == 0.0
    assert projected_residual_norm(np.zeros((2, 3)), np.zeros((3, 3))) == 0.0


BAD = [
    (np.ones((1, 2)), np.eye(3), {}, "2 columns but second_moment has 3"),
    (np.ones((1, 2)), np.diag([1.0, -1.0]), {}, "negative eigenvalue -1"),
    (np.ones((1, 2)), np.array([[1.0, 0.5], [0.0, 1.0]]), {}, "not symmetric"),
    (np.ones((1, 2)), np.diag([1.0, np.nan]), {}, "NaN or inf"),
    (np.array([[np.inf, 1.0]]), np.eye(2), {}, "gradient holds NaN or inf"),
    (np.ones((1, 2)), np.diag([1.0, 0.0]), {}, "pass a ridge above 0"),
    (np.ones((1, 2)), np.eye(2), {"ridge": -1.0}, "at least 0, got -1"),
    (np.ones((1, 2)), np.eye(2), {"rank": 0}, "rank must be at least 1, got 0"),
    (np.ones((1, 0)), np.ones((0, 0)), {}, "matrix \\(outputs, inputs\\), got shape \\(1, 0\\)"),
    (np.ones((1, 2)), np.ones((2, 3)), {}, "square and not empty, got shape"),
    (np.ones(2), np.eye(2), {}, "got shape \\(2,\\)"),
]


@pytest.mark.parametrize(("C", "Sigma", "options", "message"), BAD)
def test_bad_input(C, Sigma, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        projected_residual_norm(C, Sigma, **options)


def test_plug_in_bias_counts_the_rank_of_the_features() -> None:
    """Three features of rank two: the noise that they take in is that of two."""
    basis = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
    features = np.hstack([basis, basis.sum(axis=1, keepdims=True)])
    signs = SIGNS[:, :4]
    Sigma = features.T @ features / 4
    squares = [projected_residual_norm(r[None] @ features / 4, Sigma) ** 2 for r in signs]
    assert np.mean(squares) == pytest.approx(plug_in_bias(1.0, 2.0, 4), rel=1e-9)
    made = NoiseProblems(features[None], np.zeros((1, 1, 3)), np.ones(1), signs[:, :, None])
    assert made.rank.tolist() == [2]
    assert made.plug_in[0] == pytest.approx(0.5, rel=1e-9)


def test_output_moment_of_another_size() -> None:
    with pytest.raises(InputError, match="1 rows but output_moment has 3"):
        kronecker_residual_norm(np.ones((1, 2)), np.eye(2), np.eye(3))

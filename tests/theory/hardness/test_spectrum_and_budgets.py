"""Spectral geometry: summaries, the norm budget and the step budget against naive computations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from theory import InputError, LinearAdapter, Spectrum, StepBudget, budgeted_gain

SEEDS = st.integers(0, 2**32 - 1)


def adapter(seed: int, m: int = 2, d: int = 4, spread: float = 2.0) -> LinearAdapter:
    rng = np.random.default_rng(seed)
    V = np.linalg.qr(rng.standard_normal((d, d)))[0]
    lam = 10 ** (spread * rng.uniform(-0.5, 0.5, d))
    return LinearAdapter.from_moments(rng.standard_normal((m, d)), (V * lam) @ V.T)


@given(seed=SEEDS)
def test_summaries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    h = rng.standard_normal((9, 4)) + 1.0
    Sigma = h.T @ h / 9
    spectrum = Spectrum.from_moment(Sigma)
    assert spectrum.energy == pytest.approx(np.square(h).sum(axis=1).mean())
    assert spectrum.condition_number == pytest.approx(np.linalg.cond(Sigma))
    assert spectrum.noise_amplification == pytest.approx(np.trace(np.linalg.inv(Sigma)))
    assert spectrum.effective_rank == pytest.approx(np.trace(Sigma) ** 2 / np.trace(Sigma @ Sigma))
    assert spectrum.rank == 4
    assert spectrum.reason is None
    rebuilt = (spectrum.eigenvectors * spectrum.eigenvalues) @ spectrum.eigenvectors.T
    np.testing.assert_allclose(rebuilt, Sigma, atol=1e-12)


def test_singular_summaries_are_numbers() -> None:
    spectrum = Spectrum.from_moment(np.diag([4.0, 0.0]))
    assert (spectrum.smallest, spectrum.condition_number) == (0.0, float("inf"))
    assert (spectrum.noise_amplification, spectrum.rank) == (0.25, 1)
    zero = Spectrum.from_moment(np.zeros((2, 2)))
    assert (zero.energy, zero.effective_rank, zero.noise_amplification) == (0.0, 0.0, 0.0)


def test_rounding_noise_is_no_eigenvalue() -> None:
    """A moment accumulated in float32 has small negative eigenvalues: they show its noise."""
    spectrum = Spectrum.from_moment(np.diag([1.0, 1e-9, -1e-9]))
    assert spectrum.rank == 1
    assert spectrum.reason is not None
    assert "2 of 3" in spectrum.reason


def test_the_trace_alone_says_nothing_about_conditioning() -> None:
    """Section 4d: one trace, condition numbers 1 and 1e6."""
    flat, sharp = np.diag([1.0, 1.0]), np.diag([2 - 2e-6, 2e-6])
    assert np.trace(flat) == pytest.approx(np.trace(sharp))
    assert Spectrum.from_moment(flat).condition_number == 1.0
    assert Spectrum.from_moment(sharp).condition_number == pytest.approx(1e6, rel=1e-3)


@given(seed=SEEDS, share=st.floats(0.01, 0.99))
def test_norm_budget_is_the_constrained_optimum(seed: int, share: float) -> None:
    problem = adapter(seed)
    budget = share * float(np.linalg.norm(problem.best()))
    found = budgeted_gain(problem, budget)
    assert np.linalg.norm(found.adapter) == pytest.approx(budget, rel=1e-9)
    assert problem.decrease(found.adapter) == pytest.approx(found.gain, rel=1e-9)
    assert found.gain <= found.bound
    # First-order condition: the slope left over points along the adapter itself.
    left = problem.coefficients + problem.curvature * problem.rotate(found.adapter)
    np.testing.assert_allclose(left, -found.multiplier * problem.rotate(found.adapter), atol=1e-8)


def test_norm_budget_against_a_general_optimiser() -> None:
    problem = adapter(3)
    budget = 0.3 * float(np.linalg.norm(problem.best()))

    def loss(x):
        A = x.reshape(2, 4)
        return -problem.decrease(A * min(1.0, budget / max(np.linalg.norm(A), 1e-12)))

    found = minimize(loss, np.full(8, 0.01), method="Powell", options={"xtol": 1e-8, "ftol": 1e-12})
    assert budgeted_gain(problem, budget).gain == pytest.approx(-found.fun, rel=1e-4)


@pytest.mark.parametrize("budget", [0.0, 1e-12, 1e12])
def test_extreme_budgets(budget: float) -> None:
    problem = adapter(4, spread=6.0)
    found = budgeted_gain(problem, budget)
    assert 0 <= found.gain <= problem.best_gain() * (1 + 1e-12)
    assert np.linalg.norm(found.adapter) <= budget * (1 + 1e-9) + 1e-300
    if budget == 1e12:
        assert found.gain == problem.best_gain()
        assert found.multiplier == 0.0


@pytest.mark.parametrize("budget", [-1.0, np.nan])
def test_bad_budget(budget: float) -> None:
    with pytest.raises(InputError, match="norm budget must be finite"):
        budgeted_gain(adapter(0), budget)


@given(seed=SEEDS, steps=st.integers(0, 40), share=st.floats(0.01, 1.0))
def test_step_budget_is_gradient_descent(seed: int, steps: int, share: float) -> None:
    problem = adapter(seed)
    run = StepBudget.of(problem, share / problem.inputs.largest)
    A = np.zeros((2, 4))
    Sigma = (problem.inputs.eigenvectors * problem.inputs.eigenvalues) @ (
        problem.inputs.eigenvectors.T
    )
    for _ in range(steps):
        A -= run.step_size * (problem.gradient + A @ Sigma)
    assert run.gain(steps) == pytest.approx(problem.decrease(A), rel=1e-9, abs=1e-12)
    assert run.gain(steps) <= run.bound(steps) * (1 + 1e-12)


@given(seed=SEEDS, fraction=st.floats(0.0, 0.99))
def test_steps_to_is_the_first_that_reaches(seed: int, fraction: float) -> None:
    run = StepBudget.of(adapter(seed))
    steps = run.steps_to(fraction)
    goal = fraction * run.adapter.best_gain()
    assert run.gain(steps) >= goal * (1 - 1e-12)
    assert steps == 0 or run.gain(steps - 1) < goal * (1 + 1e-12)


def test_curve_and_hard_spectrum() -> None:
    run = StepBudget.of(LinearAdapter.from_moments(np.ones((1, 2)), np.diag([1.0, 1e-9])))
    curve = run.curve(5)
    assert len(curve) == 6
    assert curve[0] == 0
    assert (np.diff(curve) > 0).all()
    assert run.steps_to(0.9) == pytest.approx(-np.log(0.1) / 2e-9, rel=1e-3)
    assert StepBudget.of(LinearAdapter.from_moments(np.zeros((1, 2)), np.eye(2))).steps_to() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: StepBudget(a, 1e9), "at most 1/lambda_max"),
        (lambda a: StepBudget(a, 0.0), "got 0.0"),
        (lambda a: StepBudget.of(a).gain(-1), "got -1"),
        (lambda a: StepBudget.of(a).steps_to(1.0), r"\[0, 1\), got 1.0"),
    ],
)
def test_bad_steps(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(adapter(0))

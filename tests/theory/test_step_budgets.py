"""What a step budget promises, against the coupling itself; and a sampled curvature's error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import BlockQuadratic, InputError, budget_coupling, sampling_error, true_gain_interval
from theory.proofs.t11a_step_budget_coupling import RIDGES

SEEDS = st.integers(0, 2**32 - 1)


def under(F: np.ndarray, sizes: tuple[int, ...], budget: float) -> BlockQuadratic:
    """The quadratic of a run: ``F`` and the ridge of its budget."""
    return BlockQuadratic(np.ones(len(F)), F + np.eye(len(F)) / (2 * budget), sizes)


@given(SEEDS, st.floats(0.01, 100.0))
def test_the_record_bounds_the_coupling_of_the_library(seed: int, budget: float) -> None:
    problems = RIDGES(np.random.default_rng(seed), 1)
    F, sizes = problems.F[0], problems.sizes
    lam = problems.curvatures[0]
    reference = 10 * budget
    rho = under(F, sizes, reference).coupling
    record = budget_coupling(lam, budget, rho, reference=reference)
    assert under(F, sizes, budget).coupling <= record.coupling_bound * (1 + 1e-6)
    assert record.coupling_bound == min(record.measured_bound, record.certain_bound)
    # Just within the budget that is promised to be additive, it is.
    assert record.additive_budget >= record.certain_budget
    for promised in (record.additive_budget, record.certain_budget):
        within = min(promised, 1e4 * budget)
        assert under(F, sizes, within * (1 - 1e-6)).coupling < 1 + 1e-6
        at = budget_coupling(lam, within * (1 - 1e-6), rho if within <= reference else None,
                             reference=reference)  # fmt: skip
        assert at.additive or within > record.certain_budget


def test_layers_of_unlike_curvature() -> None:
    """The largest budget is where ``t_1 t_2 rho^2`` is 1, by bisection, however unlike they are."""
    lam, rho = np.array([50.0, 2.0, 1.0]), 1.1

    def bound(budget: float) -> float:
        shares = np.sort(2 * budget * lam / (1 + 2 * budget * lam))
        return rho * float(np.sqrt(shares[-1] * shares[-2]))

    low, high = 1e-6, 1e6
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if bound(middle) < 1 else (low, middle)
    record = budget_coupling(lam, 0.1, rho)
    assert record.measured_bound == pytest.approx(bound(0.1), rel=1e-12)
    assert record.additive_budget == pytest.approx(max(low, record.certain_budget), rel=1e-9)
    assert low > record.certain_budget


def test_without_a_measurement_equal_layers_have_a_closed_form() -> None:
    """``2 tau lam (L - 2) < 1``; with two layers every budget is additive."""
    record = budget_coupling([0.5] * 6, 1.0)
    assert record.certain_budget == record.additive_budget == pytest.approx(0.25)
    assert record.measured_bound is None
    assert not record.additive
    assert budget_coupling([0.5] * 6, 0.2).additive
    for few in ([3.0, 7.0], [3.0], [3.0, 7.0, 0.0], [0.0]):
        assert budget_coupling(few, 1e9).certain_budget == np.inf
        assert budget_coupling(few, 1e9).additive
    # One stiff layer among flat ones costs little: the bound by the largest alone is 1/8.
    assert budget_coupling([1.0] + [1e-3] * 5, 1.0).certain_budget > 50


def test_an_uncoupled_model_is_additive_at_every_budget() -> None:
    assert budget_coupling([1.0] * 9, 5.0, 0.0).additive_budget == np.inf
    assert budget_coupling([1.0] * 9, 5.0, 0.9).additive_budget == np.inf
    # What was measured at a reference speaks of shorter runs only.
    assert budget_coupling([1.0] * 9, 5.0, 0.9, reference=8.0).additive_budget == 8.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 1.0), "one per layer, not \\[\\]"),
        (([1.0, -1.0], 1.0), "at least 0"),
        (([1.0, np.nan], 1.0), "finite"),
        (([1.0], 0.0), "above 0, got 0.0"),
        (([1.0], np.inf), "finite and above 0, got inf"),
        (([1.0], 1.0, -1.0), "coupling must be finite and at least 0, got -1.0"),
    ],
)
def test_bad_budgets(arguments: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        budget_coupling(*arguments)


def test_bad_references() -> None:
    with pytest.raises(InputError, match="says nothing about the longer run of 3"):
        budget_coupling([1.0, 1.0], 3.0, 0.5, reference=2.0)
    with pytest.raises(InputError, match="reference budget must be above 0"):
        budget_coupling([1.0, 1.0], 3.0, 0.5, reference=0.0)


# ------------------------------------------------------------------ sampled curvature (12g)


def test_the_sampling_error_holds_as_often_as_it_says() -> None:
    """Rows from a finite population, so that its leverage and dimension are known."""
    rng = np.random.default_rng(0)
    population = rng.standard_normal((200, 6)) * [3.0, 1.0, 1.0, 0.3, 0.1, 0.1]
    F, nu, n = population.T @ population / 200, 0.2, 3000
    inverse = np.linalg.inv(F + nu * np.eye(6))
    leverage = float(np.einsum("ni,ij,nj->n", population, inverse, population).max())
    dimension = float(np.trace(F @ inverse))
    promised = sampling_error(leverage, dimension, n, failure=0.1)
    root = np.linalg.cholesky(inverse)
    errors = []
    for _ in range(60):
        sample = population[rng.integers(200, size=n)]
        errors.append(np.linalg.norm(root.T @ (sample.T @ sample / n - F) @ root, 2))
    assert promised < 1
    assert np.mean(np.array(errors) <= promised) >= 0.9
    # Not vacuous: it is within a small factor of what occurs.
    assert promised < 6 * np.mean(errors)
    # It falls with the root of the sample, and rises with what is asked.
    assert sampling_error(leverage, dimension, 100 * n) < promised / 8
    assert sampling_error(leverage, dimension, n, failure=0.001) > promised


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sampling_error(1.0, 2.0, 10), "at least the effective dimension"),
        (lambda: sampling_error(np.inf, 2.0, 10), "leverage must be finite"),
        (lambda: sampling_error(3.0, 2.0, 0), "samples must be a whole number of at least 1"),
        (lambda: sampling_error(3.0, 2.0, 9, failure=1.0), "failure must lie between 0 and 1"),
        (lambda: true_gain_interval(1.0, 1.0), r"\[0, 1\), got 1.0: sample more"),
        (lambda: true_gain_interval(-1.0, 0.1), "got -1.0"),
    ],
)
def test_bad_samples(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()

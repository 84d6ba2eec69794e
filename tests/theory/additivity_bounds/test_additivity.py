"""The record is the theorems' quantities and formulas, problem by problem."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import THEOREMS, Additivity, BlockQuadratic, InputError, additivity
from theory.proofs.problems.quadratic import Problems, draw_problems


def check_intervals(record: Additivity, tolerance: float) -> None:
    """Everything that the record promises about itself."""
    slack = tolerance * max(record.gain, record.sum_of_gains)
    root = tolerance * np.sqrt(max(record.gain, record.sum_of_gains))
    assert record.lower - slack <= record.signed_lower <= record.aligned_lower + slack
    assert record.aligned_lower <= record.gain + slack
    assert record.gain <= record.aligned_upper + slack
    assert record.aligned_upper <= record.signed_upper + slack
    assert record.signed_upper <= record.upper + slack
    assert record.displacement <= record.signed_displacement_bound + root
    assert record.signed_displacement_bound <= record.displacement_bound + root
    assert record.excess_loss <= record.signed_excess_loss_bound + slack
    assert record.signed_excess_loss_bound <= record.excess_loss_bound + slack
    assert record.separate_lower - slack <= record.signed_separate_lower
    assert record.signed_separate_lower <= record.separate_gain + slack
    assert record.separate_gain <= record.signed_separate_upper + slack
    assert record.signed_separate_upper <= record.separate_upper + slack
    assert record.signed_separate_upper <= 2 * record.sum_of_gains + slack


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_intervals(seed: int, part: bool) -> None:
    problems = draw_problems(np.random.default_rng(seed), 4)
    for i in range(4):
        record = additivity(problems.quadratic(i), problems.tuned if part else None)
        check_intervals(record, max(1e-10, float(problems.tolerance[i])))


@pytest.mark.parametrize(
    "change",
    ["lower", "upper", "displacement", "excess_loss", "aligned_lower", "signed_separate_lower"],
)
def test_the_check_of_intervals_can_fail(change: str) -> None:
    problems = draw_problems(np.random.default_rng(1), 16)
    record = additivity(problems.quadratic(int(np.argmin(problems.rho))))
    check_intervals(record, 1e-10)
    values = dict(vars(record))
    values[change] = values[change] * (0.1 if change == "upper" else 10) + 1
    with pytest.raises(AssertionError):
        check_intervals(Additivity(**values), 1e-10)


@pytest.mark.parametrize(
    ("id", "label", "attribute"),
    [
        ("1a", "from the separate solution", "displacement_bound"),
        ("1b", "upper", "upper"),
        ("1b", "lower", "lower"),
        ("1c", "upper", "excess_loss_bound"),
        ("1d", "upper", "separate_upper"),
        ("1d", "lower", "separate_lower"),
        ("1f", "upper", "signed_upper"),
        ("1f", "lower", "signed_lower"),
        ("1f", "displacement", "signed_displacement_bound"),
        ("1f", "excess loss", "signed_excess_loss_bound"),
        ("1g", "lower", "aligned_lower"),
        ("12a", "upper", "aligned_upper"),
        ("12c", "gain at most", "signed_separate_upper"),
        ("12c", "gain at least", "signed_separate_lower"),
    ],
)
def test_the_record_holds_the_theorems_formulas(id: str, label: str, attribute: str) -> None:
    problems = draw_problems(np.random.default_rng(3), 64)
    bound = next(bound for bound in THEOREMS[id].bounds if bound.label == label)
    expected = bound.formula(*bound.arguments(problems))
    for i in np.flatnonzero(THEOREMS[id].admits(problems) & (problems.tolerance < 1e-8)):
        value = getattr(additivity(problems.quadratic(int(i))), attribute)
        reachable = attribute in ("upper", "displacement_bound", "excess_loss_bound")
        if not (reachable and np.isclose(problems.rho[i], 1)):
            assert np.isclose(value, expected[i], rtol=1e-6)


def test_quantities(tolerance) -> None:
    problems = draw_problems(np.random.default_rng(3), 16)
    for i in range(16):
        record = additivity(problems.quadratic(i))
        scale, allowed = problems.energy[i], 1e-12 + problems.tolerance[i]
        assert np.isclose(record.gain / scale, problems.gain[i] / scale, atol=allowed)
        assert np.isclose(record.sum_of_gains / scale, 0.5, atol=allowed)
        shift = problems.norm(problems.theta_joint - problems.theta_separate)[i]
        assert np.isclose(record.displacement**2 / scale, shift**2 / scale, atol=allowed)
        assert record.mu_min <= record.alignment <= record.mu_max


def test_coupling_above_one_says_so() -> None:
    M = (np.ones((6, 6)) - np.eye(6)) / 2
    record = additivity(Problems.from_whitened(M, np.ones(6)).quadratic(0))
    assert np.isclose(record.coupling, 2.5)
    assert record.upper == record.displacement_bound == record.excess_loss_bound == np.inf
    assert np.isclose(record.signed_upper, 6.0)
    assert np.isclose(record.gain, record.signed_lower)
    assert any("coupling 2.5 is not below 1" in reason for reason in record.reasons)
    # Two of these layers couple by 1/2 only.
    assert additivity(Problems.from_whitened(M, np.ones(6)).quadratic(0), [0, 3]).reasons == ()


def test_singular_between_layers_says_so() -> None:
    record = additivity(BlockQuadratic(np.ones(2), np.ones((2, 2)), (1, 1)))
    assert np.isclose(record.gain, 0.5)
    assert record.signed_upper == record.signed_displacement_bound == np.inf
    assert any("mu_min is -1" in reason for reason in record.reasons)
    assert any("rank 1 of 2" in reason for reason in record.reasons)


def test_no_gradient_no_gain() -> None:
    record = additivity(BlockQuadratic(np.zeros(2), np.array([[1.0, 0.5], [0.5, 1.0]]), (1, 1)))
    assert record.gain == record.upper == record.sum_of_gains == record.alignment == 0.0


def test_bad_layers() -> None:
    q = BlockQuadratic(np.ones(2), np.eye(2), (1, 1))
    with pytest.raises(InputError, match="empty"):
        additivity(q, [])
    with pytest.raises(InputError, match="twice"):
        additivity(q, [1, 1])

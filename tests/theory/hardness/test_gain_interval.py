"""Intervals from matrix-vector products: they hold, shrink, end, and refuse a wrong floor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import BlockQuadratic, InputError, additivity, gain_interval


def problem(seed: int, p: int, exponent: float):
    rng = np.random.default_rng(seed)
    values = 10 ** (-exponent * rng.uniform(0, 1, p))
    V = np.linalg.qr(rng.standard_normal((p, p)))[0]
    A = (V * values) @ V.T
    return (A + A.T) / 2, rng.standard_normal(p), float(values.min())


@given(seed=st.integers(0, 2**32 - 1), p=st.integers(1, 14), exponent=st.floats(0, 5))
def test_brackets_and_shrinks(seed: int, p: int, exponent: float) -> None:
    A, u, low = problem(seed, p, exponent)
    G = 0.5 * u @ np.linalg.solve(A, u)
    slack = 1e-9 * 10**exponent
    before = (0.0, np.inf)
    for k in range(1, p + 2):
        lower, upper = gain_interval(lambda v: A @ v, u, 0.9 * low, k)
        assert before[0] * (1 - slack) <= lower <= G * (1 + slack)
        assert G * (1 - slack) <= upper <= before[1] * (1 + slack)
        before = lower, upper
    assert before[1] - before[0] <= slack * G


def test_first_step_is_the_alignment_bound() -> None:
    H = np.array([[1.0, -0.5, 0.1], [-0.5, 1.0, 0.2], [0.1, 0.2, 1.0]])
    quadratic = BlockQuadratic(np.array([1.0, 2.0, 3.0]), H, (1, 1, 1))
    lower, _ = gain_interval(
        lambda v: v + quadratic.whitened_coupling @ v, quadratic.whitened_gradient, 0.1, 1
    )
    assert lower == pytest.approx(additivity(quadratic).aligned_lower, rel=1e-12)


def test_exhausted_space_is_exact() -> None:
    """u in a plane of eigenvectors: two products are enough, and the ends meet."""
    A = np.diag([1.0, 2.0, 3.0, 4.0])
    assert gain_interval(lambda v: A @ v, np.array([1.0, 1.0, 0.0, 0.0]), 0.5, 9) == (
        pytest.approx(0.75),
        pytest.approx(0.75),
    )
    assert gain_interval(lambda v: A @ v, np.zeros(4), 0.5, 3) == (0.0, 0.0)


def test_many_iterations_stay_valid() -> None:
    """Without full reorthogonalisation ghosts would appear long before 200 steps."""
    A, u, low = problem(0, 300, 6)
    G = 0.5 * u @ np.linalg.solve(A, u)
    lower, upper = gain_interval(lambda v: A @ v, u, 0.99 * low, 200)
    assert lower <= G * (1 + 1e-8)
    assert upper >= G * (1 - 1e-8)


def test_few_products() -> None:
    A, u, low = problem(1, 50, 1)
    calls = []

    def matvec(v):
        calls.append(1)
        return A @ v

    gain_interval(matvec, u, low / 2, 7)
    assert len(calls) == 7


@pytest.mark.parametrize(
    ("floor", "iterations", "u", "message"),
    [
        (0.0, 3, np.ones(3), "positive lower bound on 1 \\+ mu_min, got 0.0"),
        (-1.0, 3, np.ones(3), "add a ridge"),
        (0.5, 0, np.ones(3), "iterations must be a whole number of at least 1, not 0"),
        (0.9, 3, np.ones(3), "0.9 is no lower bound: .* at or below 0.5"),
        (0.5, 3, np.array([np.nan, 1.0, 1.0]), "finite vector"),
    ],
)
def test_bad_input(floor, iterations, u, message: str) -> None:
    A = np.diag([0.5, 1.0, 2.0])
    with pytest.raises(InputError, match=message):
        gain_interval(lambda v: A @ v, u, floor, iterations)


@pytest.mark.parametrize("answer", [np.ones(2), np.full(3, np.nan)])
def test_bad_products(answer) -> None:
    with pytest.raises(InputError, match="finite vector of shape \\(3,\\)"):
        gain_interval(lambda v: answer, np.ones(3), 0.5, 2)

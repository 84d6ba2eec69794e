"""Cuts, clips, signs and defaults: each is checked, and a change of any of them is noticed.

A check takes the names of the module that it speaks of. The tests run it on the module, and then
on copies of it whose source was changed in one place: there it must fail.
"""

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from theory import (
    BlockQuadratic,
    InputError,
    LinearAdapter,
    Spectrum,
    StepBudget,
    coupling_bound,
    cross_fitted_norm,
    kronecker_residual_norm,
    rank_allocation,
)
from theory.proofs.problems.quadratic import Problems
from theory.quadratic.conditional_system import ConditionalSystem
from theory.quadratic.positive_factor import positive_factor

EPS = float(np.finfo(np.float64).eps)
Check = Callable[[Any], None]


def pair(gap: float) -> np.ndarray:
    """Two coordinates of correlation ``1 - gap``: eigenvalues ``gap`` and ``2 - gap``."""
    return np.array([[1.0, 1 - gap], [1 - gap, 1.0]])


def refuses(call: Callable[[], object], message: str) -> bool:
    try:
        call()
    except InputError as error:
        return message in str(error)
    return False


# ------------------------------------------------------------------ positive_factor


def cholesky_cut(m: Any) -> None:
    """Cholesky down to 10 eps, 20 eps at 400 coordinates, or to the noise of the input."""
    factor = m.positive_factor
    assert factor(pair(64 * EPS)).kind == "cholesky"
    assert factor(pair(8 * EPS)).kind == "spectral"
    assert factor(pair(30 * EPS)).kind == "cholesky"
    assert factor(np.kron(np.eye(200), pair(30 * EPS))).kind == "spectral"
    assert factor(pair(1e-6)).kind == "cholesky"
    assert factor(pair(1e-6), noise=1e-5).kind == "spectral"


def null_cut(m: Any) -> None:
    """Zero is what lies below rounding, below the noise, or within twice a negative eigenvalue."""
    factor = m.positive_factor
    assert factor(pair(2 * EPS)).rank == 1
    assert factor(pair(7 * EPS)).rank == 2
    assert (factor(pair(1e-6), noise=1e-5).rank, factor(pair(1e-6)).rank) == (1, 2)
    A = np.zeros((4, 4))
    A[:2, :2] = pair(-1e-9)
    for gap, rank in ((1.5e-9, 2), (3e-9, 3)):
        A[2:, 2:] = pair(gap)
        assert factor(A).rank == rank


def indefinite_cut(m: Any) -> None:
    """A negative eigenvalue is rounding up to sqrt(eps), or up to the noise of the input."""
    factor = m.positive_factor
    assert factor(pair(-1e-9)).rank == 1
    assert refuses(lambda: factor(pair(-1e-6)), "is indefinite: smallest eigenvalue -1e-06")
    assert factor(pair(-1e-6), noise=1e-5).rank == 1


# ------------------------------------------------------------------ BlockQuadratic


def whitened(M: np.ndarray, cond: float) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """``g``, ``H`` and sizes of two layers of two coordinates with that condition number."""
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    C = np.kron(np.eye(2), turn * np.sqrt([1.0, 1 / cond]))
    made = Problems.from_whitened(M, np.ones(4), (2, 2), factor=C)
    return made.gradient[0], made.curvature[0], (2, 2)


def noise_of_whitening(m: Any) -> None:
    """Ill-conditioned blocks leave noise in M: a coupling within it of 1 counts as 1."""
    M = np.zeros((4, 4))
    M[0, 2] = M[2, 0] = 1 - 1e-7
    assert m.BlockQuadratic(*whitened(M, 10.0)).reasons == ()
    lost = m.BlockQuadratic(*whitened(M, 1e10)).reasons
    assert any("between layers is singular" in reason for reason in lost)
    many = m.BlockQuadratic(np.ones(50), np.eye(50), (1,) * 50)
    assert many.noise / EPS == pytest.approx(50)


def lost_gradient(m: Any) -> None:
    """What leaves the range is reported from 1e-6 of the largest entry on."""

    def reasons(slope: float) -> tuple[str, ...]:
        return m.BlockQuadratic(np.array([1.0, slope]), np.diag([2.0, 0.0]), (1, 1)).reasons

    assert "leaves the range of the curvature by 1e-05" in reasons(1e-5)[-1]
    assert "leaves" not in reasons(1e-8)[-1]


def symmetry(m: Any) -> None:
    """Rounding is averaged, more is refused."""

    def make(error: float) -> BlockQuadratic:
        return m.BlockQuadratic(np.ones(2), np.array([[1.0, 0.5], [0.5 + error, 1.0]]), (1, 1))

    assert make(1e-9).curvature[0, 1] == pytest.approx(0.5 + 0.5e-9, rel=1e-12)
    assert refuses(lambda: make(1e-6), "not symmetric")


def sign_of_least_squares(m: Any) -> None:
    """The gradient is ``-J'r``: the minimiser is the least-squares fit, not its mirror image."""
    rng = np.random.default_rng(3)
    J, r = rng.standard_normal((9, 3)), rng.standard_normal(9)
    made = m.BlockQuadratic.from_least_squares(J, r, (2, 1))
    np.testing.assert_allclose(made.minimiser(), np.linalg.lstsq(J, r, rcond=None)[0], rtol=1e-10)


# ------------------------------------------------------------------ conditional systems


def regular_cut(m: Any) -> None:
    """Cholesky while ``1 + mu_min`` is above 64 times the quadratic's noise, then eigenvalues."""

    def quadratic(gap: float) -> BlockQuadratic:
        M = np.zeros((4, 4))
        M[0, 2] = M[2, 0] = 1 - gap
        return BlockQuadratic(*whitened(M, 1e5))

    cut = 64 * quadratic(0.5).noise * 2  # mu_max is 1 at small gaps
    above, below = (m.ConditionalSystem.of(quadratic(f * cut), (0, 1)) for f in (1.6, 1 / 1.6))
    assert above.regular
    assert not below.regular
    halves = below.half_inverses(np.stack([pair(cut / 1.6), pair(1e3 * cut)]))
    ranks = [np.linalg.matrix_rank(half, tol=1e-3) for half in halves]
    assert ranks == [1, 2]


# ------------------------------------------------------------------ adapters


def out_of_range(m: Any) -> None:
    """A gradient outside the range of the moment is refused from 1e-6 of its norm on."""

    def make(slope: float) -> LinearAdapter:
        return m.LinearAdapter.from_moments(np.array([[1.0, slope]]), np.diag([1.0, 0.0]))

    assert make(1e-8).residual_norm() == pytest.approx(1.0)
    assert refuses(lambda: make(1e-5), "1e-05 of the gradient's norm")


def ridges(m: Any) -> None:
    """Each ridge goes to its own moment."""
    G, Sigma = np.array([[1.0, 2.0], [3.0, 4.0]]), np.diag([1.0, 2.0])
    Gamma = np.diag([3.0, 5.0])
    made = m.LinearAdapter.from_moments(G, Sigma, Gamma, ridge=0.5, output_ridge=0.25)
    expected = np.outer([3.25, 5.25], [1.5, 2.5])
    np.testing.assert_allclose(made.curvature, expected, rtol=1e-12)


def output_ridge_of_the_norm(m: Any) -> None:
    G, Sigma, Gamma = np.array([[1.0, 2.0], [3.0, 4.0]]), np.diag([1.0, 2.0]), np.diag([3.0, 5.0])
    found = m.kronecker_residual_norm(G, Sigma, Gamma, ridge=0.5, output_ridge=0.25)
    by_hand = np.sqrt(np.sum(G**2 / np.outer([3.25, 5.25], [1.5, 2.5])))
    assert found == pytest.approx(by_hand, rel=1e-12)


def output_ridge_of_the_cross_fit(m: Any) -> None:
    G, Sigma, Gamma = np.ones((3, 2, 2)), np.diag([1.0, 2.0]), np.diag([3.0, 5.0])
    found = m.cross_fitted_norm(G, np.ones(3), Sigma, Gamma, ridge=0.5, output_ridge=0.25)
    by_hand = np.sum(1 / np.outer([3.25, 5.25], [1.5, 2.5]))
    assert found.squared_norm == pytest.approx(by_hand, rel=1e-12)


def clip_of_steps(m: Any) -> None:
    """A step of ``1/lambda_max`` up to rounding is finished at once; one above is refused."""
    adapter = LinearAdapter.from_moments(np.array([[1.0, 1.0]]), np.diag([3.0, 1.0]))
    run = m.StepBudget(adapter, (1 + 5e-13) / 3.0)
    assert run.gain(1) == pytest.approx(0.5 / 3 + 0.5 * (1 - (2 / 3) ** 2), rel=1e-9)
    assert refuses(lambda: m.StepBudget(adapter, (1 + 1e-6) / 3.0), "at most 1/lambda_max")
    assert run.gain(0) == 0.0
    tiny = m.StepBudget(adapter, 1e-20)
    assert tiny.gain(1) / 2e-20 == pytest.approx(1.0)
    assert m.StepBudget.of(adapter).step_size == pytest.approx(1 / 3)


# ------------------------------------------------------------------ spectra


def zeros_of_a_spectrum(m: Any) -> None:
    """Zero is rounding of the largest eigenvalue, or twice what a negative one shows."""
    make = m.Spectrum.from_moment
    assert make(np.diag([1.0, EPS])).rank == 1
    assert make(np.diag([1.0, 4 * EPS])).rank == 2
    assert make(np.diag([1.0, 1.5e-9, -1e-9])).rank == 1
    assert make(np.diag([1.0, 3e-9, -1e-9])).rank == 2
    assert make(np.diag([1.0, EPS])).eigenvalues[0] == 0.0
    assert make(np.diag([1.0, EPS])).reason is not None
    assert make(np.diag([1.0, EPS]), 0.1).reason is None


def moments_that_are_none(m: Any) -> None:
    make = m.Spectrum.from_moment
    assert make(np.array([[1.0, 1e-10], [0.0, 1.0]])).rank == 2
    assert refuses(lambda: make(np.array([[1.0, 1e-6], [0.0, 1.0]])), "not symmetric")
    assert make(np.diag([1.0, -1e-8])).rank == 1
    assert refuses(lambda: make(np.diag([1.0, -1e-4])), "negative eigenvalue -0.0001")
    assert refuses(lambda: make(np.eye(2), -1.0), "at least 0, got -1")


def numbers_of_a_spectrum(m: Any) -> None:
    made = m.Spectrum.from_moment(np.diag([4.0, 1.0, 0.0]), 1.0)
    assert made.energy == pytest.approx(5.0)
    assert made.regularised.tolist() == pytest.approx([1.0, 2.0, 5.0])
    assert made.inverse.tolist() == pytest.approx([1.0, 0.5, 0.2])
    assert made.noise_amplification == pytest.approx(1.7)
    assert made.effective_rank == pytest.approx(25 / 17)
    assert (made.rank, made.smallest, made.largest) == (2, 0.0, 4.0)
    assert made.condition_number == np.inf
    whole = m.Spectrum.from_moment(np.diag([8.0, 2.0]))
    assert whole.condition_number == pytest.approx(4.0)
    bare = m.Spectrum.from_moment(np.diag([4.0, 0.0]))
    assert bare.inverse.tolist() == pytest.approx([0.0, 0.25])
    huge = m.Spectrum.from_moment(np.diag([4e200, 1e200]))
    assert huge.effective_rank == pytest.approx(25 / 17)


# ------------------------------------------------------------------ allocations, spreading


def interval_of_an_allocation(m: Any) -> None:
    found = m.rank_allocation([np.array([2.0]), np.array([2.0])], 2)
    assert found.interval(-0.75, 3.0) == pytest.approx((1.0, 16.0))
    assert found.interval(-1.0, 3.0)[1] == np.inf


def budget_of_an_allocation(m: Any) -> None:
    """0.3 pays for three units of 0.1, though 0.3 / 0.1 is a hair below 3 in floating point."""
    values = [np.array([3.0, 2.0, 1.0])]
    assert 0.3 / 0.1 < 3
    assert m.rank_allocation(values, 0.3, [0.1]).ranks == (3,)
    assert m.rank_allocation(values, 0.3 * (1 - 1e-6), [0.1]).ranks == (2,)
    assert m.rank_allocation(values, 0.29, [0.1]).ranks == (2,)
    assert m.rank_allocation([*values, np.array([5.0])], np.inf, [0.1, 0.7]).ranks == (3, 1)
    assert m.rank_allocation([*values, np.array([5.0])], np.inf).ranks == (3, 1)


def last_distance(m: Any) -> None:
    """The ends of the model are ``layers - 1`` apart, and count."""
    assert m.coupling_bound(lambda t: 0.5, 1, 2) == 0.5
    assert m.coupling_bound(lambda t: {3: 0.25}.get(t, 0.5), 3, 4) == 0.25
    assert m.coupling_bound(lambda t: 0.5, 4, 4) == 0.0


CHECKS: dict[Check, Callable[..., object]] = {
    cholesky_cut: positive_factor,
    null_cut: positive_factor,
    indefinite_cut: positive_factor,
    noise_of_whitening: BlockQuadratic,
    lost_gradient: BlockQuadratic,
    symmetry: BlockQuadratic,
    sign_of_least_squares: BlockQuadratic,
    regular_cut: ConditionalSystem,
    out_of_range: LinearAdapter,
    ridges: LinearAdapter,
    output_ridge_of_the_norm: kronecker_residual_norm,
    output_ridge_of_the_cross_fit: cross_fitted_norm,
    clip_of_steps: StepBudget,
    zeros_of_a_spectrum: Spectrum,
    moments_that_are_none: Spectrum,
    numbers_of_a_spectrum: Spectrum,
    interval_of_an_allocation: rank_allocation,
    budget_of_an_allocation: rank_allocation,
    last_distance: coupling_bound,
}

MUTANTS: list[tuple[Check, str, str]] = [
    (cholesky_cut, "max(10 * EPS,", "max(EPS,"),
    (cholesky_cut, "max(10 * EPS,", "max(100 * EPS,"),
    (cholesky_cut, "np.sqrt(size) * EPS, noise)", "EPS, noise)"),
    (cholesky_cut, "np.sqrt(size) * EPS, noise)", "np.sqrt(size) * EPS)"),
    (null_cut, "max(size * EPS * largest,", "max(0.0,"),
    (null_cut, "max(size * EPS * largest,", "max(9 * EPS * largest,"),
    (null_cut, "noise * largest, -2", "0.0, -2"),
    (null_cut, "-2 * smallest", "-smallest"),
    (null_cut, "-2 * smallest", "-4 * smallest"),
    (indefinite_cut, "-max(np.sqrt(EPS), noise)", "-max(EPS, noise)"),
    (indefinite_cut, "-max(np.sqrt(EPS), noise)", "-np.sqrt(EPS)"),
    (indefinite_cut, "-max(np.sqrt(EPS), noise)", "-max(1e-3, noise)"),
    (noise_of_whitening, "EPS * max(len(self.gradient), self.condition)", "EPS"),
    (noise_of_whitening, "max(len(self.gradient), self.condition)", "len(self.gradient)"),
    (noise_of_whitening, "max(len(self.gradient), self.condition)", "self.condition"),
    (noise_of_whitening, '"the curvature between layers", self.noise', '"the curvature", 0.0'),
    (lost_gradient, "size > 1e-6 *", "size > 1e-4 *"),
    (lost_gradient, "size > 1e-6 *", "size > 0 *"),
    (symmetry, "SYMMETRY_TOLERANCE = 1e-8", "SYMMETRY_TOLERANCE = 1e-3"),
    (symmetry, "SYMMETRY_TOLERANCE = 1e-8", "SYMMETRY_TOLERANCE = 0.0"),
    (sign_of_least_squares, "cls(-J.T @ r", "cls(J.T @ r"),
    (regular_cut, "ROUNDING = 64.0", "ROUNDING = 256.0"),
    (regular_cut, "ROUNDING = 64.0", "ROUNDING = 16.0"),
    (regular_cut, "quadratic.noise * (1.0 + high)", "quadratic.noise"),
    (regular_cut, "kept = lam > self.cut", "kept = lam > 0"),
    (out_of_range, "OUT_OF_RANGE = 1e-6", "OUT_OF_RANGE = 1e-3"),
    (out_of_range, "OUT_OF_RANGE = 1e-6", "OUT_OF_RANGE = 0.0"),
    (ridges, "output_moment, output_ridge,", "output_moment, ridge,"),
    (ridges, "from_moment(second_moment, ridge)", "from_moment(second_moment)"),
    (output_ridge_of_the_norm, "output_ridge=output_ridge", "output_ridge=ridge"),
    (output_ridge_of_the_norm, "output_ridge=output_ridge", "output_ridge=0.0"),
    (output_ridge_of_the_cross_fit, "output_moment, output_ridge,", "output_moment, ridge,"),
    (clip_of_steps, "-np.minimum(rate, 1.0)", "-rate"),
    (clip_of_steps, "np.minimum(rate, 1.0)", "np.minimum(rate, 0.5)"),
    (clip_of_steps, "largest <= 1 + 1e-12", "largest <= 1"),
    (clip_of_steps, "largest <= 1 + 1e-12", "largest <= 2"),
    (clip_of_steps, "-np.expm1(2 * steps", "1 - np.exp(2 * steps"),
    (zeros_of_a_spectrum, "d * np.finfo", "0 * np.finfo"),
    (zeros_of_a_spectrum, "d * np.finfo", "8 * np.finfo"),
    (zeros_of_a_spectrum, "-2.0 * lam[0]", "-lam[0]"),
    (zeros_of_a_spectrum, "-2.0 * lam[0]", "-4.0 * lam[0]"),
    (zeros_of_a_spectrum, "np.where(null, 0.0, lam)", "lam"),
    (zeros_of_a_spectrum, "null.any() and ridge == 0", "null.any()"),
    (moments_that_are_none, "ASYMMETRY = 1e-8", "ASYMMETRY = 0.0"),
    (moments_that_are_none, "ASYMMETRY = 1e-8", "ASYMMETRY = 1e-3"),
    (moments_that_are_none, "INDEFINITE = 1e-6", "INDEFINITE = 0.0"),
    (moments_that_are_none, "INDEFINITE = 1e-6", "INDEFINITE = 1e-2"),
    (moments_that_are_none, "and ridge >= 0", "or ridge >= 0"),
    (numbers_of_a_spectrum, "self.eigenvalues + self.ridge", "self.eigenvalues"),
    (numbers_of_a_spectrum, "self.largest / self.smallest if", "self.largest if"),
    (numbers_of_a_spectrum, "(self.energy / self.largest) ** 2 /", "(self.energy) ** 2 /"),
    (numbers_of_a_spectrum, "self.eigenvalues / (self.largest or 1.0)", "self.eigenvalues"),
    (numbers_of_a_spectrum, "where=lam > 0", "where=lam > 1"),
    (numbers_of_a_spectrum, "self.inverse.sum()", "(1 / self.eigenvalues[1:]).sum()"),
    (interval_of_an_allocation, "(1 + mu_max)", "(1 - mu_max)"),
    (interval_of_an_allocation, "(1 + mu_max)", "1"),
    (interval_of_an_allocation, "(1 + mu_min) if", "(1 - mu_min) if"),
    (interval_of_an_allocation, "mu_min > -1", "mu_min >= -1"),
    (budget_of_an_allocation, "* (1 + TOLERANCE)", ""),
    (budget_of_an_allocation, "* (1 + TOLERANCE)", "+ 0.5"),
    (budget_of_an_allocation, "min(float(budget), 2 * float(weights.sum()))", "float(budget)"),
    (last_distance, "range(1, layers)", "range(1, layers - 1)"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_checks(check: Check) -> None:
    check(sys.modules[CHECKS[check].__module__])


@pytest.mark.parametrize(("check", "old", "new"), MUTANTS)
def test_mutants_die(check: Check, old: str, new: str) -> None:
    original = sys.modules[CHECKS[check].__module__]
    source = inspect.getsource(original)
    assert source.count(old) == 1, f"{old!r} is not once in the source: update the mutant"
    mutant = ModuleType(original.__name__)
    with np.errstate(all="ignore"):
        exec(compile(source.replace(old, new), "<mutant>", "exec"), mutant.__dict__)
        with pytest.raises(Exception):  # noqa: B017, PT011 - any way of failing will do
            check(mutant)


def test_every_check_has_a_mutant() -> None:
    assert {check for check, _, _ in MUTANTS} == set(CHECKS)

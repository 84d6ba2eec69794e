"""Correct to ``c eps condition`` for condition numbers from 1 to 1e12 and layers from 1 to 500.

Above 500 coordinates the coupling range comes from Lanczos, which promises 1e-8 of ``mu_max`` and
of ``1 + mu_min`` and no more.
"""

import numpy as np
import pytest

from theory import BlockQuadratic, additivity
from theory.quadratic.block_quadratic import DENSE_UP_TO
from theory.quadratic.largest_eigenvalue import RELATIVE_ERROR, largest_eigenvalue


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6, 1e9, 1e12])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 5, 2), (30, 1, 20), (500, 2)])
def test_range(sizes: tuple[int, ...], condition: float, conditioned, tolerance) -> None:
    quadratic, M, u = conditioned(sizes, condition)
    allowed = tolerance(condition)
    exact = u @ np.linalg.solve(np.eye(len(u)) + M, u) / 2
    assert quadratic.reasons == ()
    assert abs(quadratic.gain() / exact - 1) <= allowed
    found, ends = np.array(quadratic.coupling_range), np.linalg.eigvalsh(M)[[0, -1]]
    promised = allowed + (RELATIVE_ERROR if len(u) > DENSE_UP_TO else 0.0)
    assert (np.abs(found - ends) <= promised * np.abs([1 + ends[0], ends[1]])).all()
    squares = [u[s] @ u[s] for s in quadratic.slices]
    assert np.abs(quadratic.residual_norms**2 / squares - 1).max() <= allowed
    record = additivity(quadratic)
    slack = promised / (1 - record.coupling)  # how far an error of rho moves 1 / (1 - rho)
    assert record.lower * (1 - slack) <= record.gain <= record.upper * (1 + slack)


def test_the_range_check_can_fail(conditioned, tolerance) -> None:
    """Negative control: another gradient is not within the tolerance."""
    quadratic, M, u = conditioned((3, 5, 2), 1e6)
    exact = u @ np.linalg.solve(np.eye(len(u)) + M, u) / 2
    other = BlockQuadratic(1.01 * quadratic.gradient, quadratic.curvature, quadratic.sizes)
    assert abs(other.gain() / exact - 1) > tolerance(1e6)


@pytest.mark.parametrize("condition", [1e16, 1e18, 1e20])
def test_beyond_working_precision_there_is_a_reason(condition: float, conditioned) -> None:
    """Directions are lost, never numbers: what is left gains no more than the whole."""
    quadratic, M, u = conditioned((6, 6), condition)
    assert quadratic.reasons
    assert np.isfinite(quadratic.gain())
    assert 0 < quadratic.gain() <= 1.01 * (u @ np.linalg.solve(np.eye(12) + M, u)) / 2
    record = additivity(quadratic)
    assert record.reasons[: len(quadratic.reasons)] == quadratic.reasons
    numbers = [value for value in vars(record).values() if isinstance(value, float)]
    assert not np.isnan(numbers).any()


def test_large_coupling_range_by_lanczos(conditioned) -> None:
    """Above 500 coordinates Lanczos replaces LAPACK."""
    quadratic, M, _ = conditioned((40,) * 16, 10.0, rho=0.9)
    ends = np.linalg.eigvalsh(M)[[0, -1]]
    low, high = quadratic.coupling_range
    assert abs((1 + low) / (1 + ends[0]) - 1) <= RELATIVE_ERROR
    assert abs(high / ends[1] - 1) <= RELATIVE_ERROR


def test_lanczos_does_not_trust_the_rough_operator() -> None:
    """A rough operator finds the vector only; one that misleads is left for the exact one."""
    diagonal = np.linspace(0.0, 1.0, 300) ** 2
    asked = {"exact": 0, "rough": 0}

    def operator(kind, values):
        def apply(v):
            asked[kind] += 1
            return values * v

        return apply

    def largest(rough):
        asked.update(exact=0, rough=0)
        start = np.ones(300)
        return largest_eigenvalue(operator("exact", diagonal), start, operator("rough", rough))[0]

    single = largest(diagonal * (1 + 1e-7 * np.cos(np.arange(300))))
    assert abs(single - 1.0) <= RELATIVE_ERROR
    assert asked["exact"] == 1 < asked["rough"]
    misled = largest(diagonal[::-1])
    assert abs(misled - 1.0) <= RELATIVE_ERROR
    assert asked["exact"] > 2


def test_lanczos_ends_when_the_space_does() -> None:
    """Two distinct eigenvalues: the Krylov space is exhausted after two steps."""
    diagonal = np.where(np.arange(50) < 20, 3.0, 1.0)
    value, other = largest_eigenvalue(lambda v: diagonal * v, np.arange(1.0, 51.0))
    assert np.isclose(value, 3.0, rtol=1e-12)
    assert np.allclose(diagonal * other, other)
    assert largest_eigenvalue(lambda v: 0 * v, np.ones(5))[0] == 0.0

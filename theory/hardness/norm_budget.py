"""The best adapter of bounded size: a trust-region problem solved exactly (4b)."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from theory.arrays import Array, Float64
from theory.errors import InputError
from theory.hardness.linear_adapter import LinearAdapter

Scalars = Array | float


def best_norm_lower(residual_norm: Scalars, largest: Scalars) -> Scalars:
    """4b: the unconstrained best adapter has ``||A||_F >= Res / sqrt(lambda_max)``."""
    return residual_norm / np.sqrt(largest)


def budgeted_gain_upper(budget: Scalars, slope: Scalars) -> Scalars:
    """4b: with ``||A||_F <= budget`` the gain is at most ``budget ||Grad||_F``."""
    return budget * slope


@dataclass(frozen=True)
class BudgetedGain:
    """What an adapter with ``||A||_F <= budget`` can gain.

    Parameters
    ----------
    gain : float
        The exact best decrease of the loss.
    bound : float
        ``min(1/2 Res^2, budget ||Grad||_F)``, which it never exceeds.
    multiplier : float
        Of the norm constraint; 0 when the constraint is slack. It acts as a ridge.
    adapter : (m, d) array
        The matrix that attains the gain.
    """

    gain: float
    bound: float
    multiplier: float
    adapter: Float64[Array, "m d"]


def budgeted_gain(adapter: LinearAdapter, budget: float | int) -> BudgetedGain:
    """Maximise the decrease of the loss over ``||A||_F <= budget``.

    With eigenvalues ``L_i`` and gradient coefficients ``c_i`` the maximiser has
    ``a_i = -c_i / (L_i + nu)``, and ``nu >= 0`` is the root of the secular equation
    ``sum c_i^2 / (L_i + nu)^2 = budget^2``. The block is positive semi-definite, so the
    trust-region problem has no hard case.

    Parameters
    ----------
    adapter : LinearAdapter
        ``A`` of shape (m, d) with its gradient and curvature.
    budget : float
        Largest Frobenius norm of ``A``, in the unit of its entries.

    Returns
    -------
    BudgetedGain
        The gain and its bound ``min(Res^2 / 2, budget ||C||_F)`` in the unit of the loss.

    Raises
    ------
    InputError
        ``budget`` is negative or not finite.

    Notes
    -----
    Provenance: the bound is a reconstruction of Proposition 4.1, the exact value an extension.

    Examples
    --------
    >>> one = LinearAdapter.from_moments(np.array([[-3.0]]), np.array([[1.0]]))
    >>> budgeted_gain(one, 1.0).gain == 3.0 * 1.0 - 0.5 * 1.0**2
    True
    >>> budgeted_gain(one, 10.0).gain == one.best_gain()
    True
    """
    if not (np.isfinite(budget) and budget >= 0):
        raise InputError(f"the norm budget must be finite and at least 0, got {budget}")
    c, Lam = adapter.coefficients, adapter.curvature
    c = np.where(Lam > 0, c, 0.0)
    slope = float(np.linalg.norm(c))
    bound = min(adapter.best_gain(), float(budgeted_gain_upper(budget, slope)))
    newton = adapter.best()
    if np.linalg.norm(newton) <= budget:
        return BudgetedGain(adapter.best_gain(), bound, 0.0, newton)
    if budget == 0:
        return BudgetedGain(0.0, 0.0, float("inf"), np.zeros_like(newton))

    def excess(nu: float) -> float:
        # The reciprocal of the norm is nearly linear in nu, so the root finder converges at once.
        return 1.0 / budget - 1.0 / float(np.linalg.norm(c / np.where(c == 0, 1.0, Lam + nu)))

    # ||a|| <= slope/nu, so the root lies below slope/budget.
    nu = float(brentq(excess, 0.0, slope / budget, xtol=1e-300, rtol=8.9e-16))
    a = -c / np.where(c == 0, 1.0, Lam + nu)
    gain = float(-np.sum(c * a) - 0.5 * np.sum(Lam * a * a))
    return BudgetedGain(min(gain, bound), bound, nu, adapter.rotate_back(a))

r"""A step budget tames the coupling (section 11).

A run of total step ``tau`` (the sum of its learning rates) sees the curvature ``F + nu I`` in the
optimiser's metric, ``nu = 1 / (2 tau)``. The ridge grows every layer's own curvature and leaves the
interaction alone, so that the shorter the run, the weaker the coupling.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from theory.arrays import Array, Float64
from theory.errors import InputError

Scalars = Array | float


def kept_shares(
    curvatures: Float64[Array, "... layers"], ridge: Scalars, reference: Scalars
) -> Float64[Array, "... layers"]:
    """``t_l = (lam_l + nu_0) / (lam_l + nu)``: what ``nu`` leaves of the coupling at ``nu_0``.

    ``curvatures`` are ``lam_l``, the largest eigenvalue of each layer's block of ``F``.
    """
    before, after = (np.asarray(nu, dtype=np.float64)[..., None] for nu in (reference, ridge))
    return np.asarray((curvatures + before) / (curvatures + after), dtype=np.float64)


def two_largest(values: Float64[Array, "... layers"]) -> tuple[Array, Array]:
    """The largest value over the last axis and the one after it (the same for a single layer)."""
    ordered = np.sort(values, axis=-1)
    return ordered[..., -1], ordered[..., max(-2, -ordered.shape[-1])]


def damped_coupling_upper(rho: Scalars, shares: Float64[Array, "... layers"]) -> Scalars:
    """11a: ``rho(nu) <= rho(nu_0) sqrt(t_1 t_2)``, the two largest shares."""
    first, second = two_largest(shares)
    return rho * np.sqrt(first * second)


def damped_end_upper(end: Scalars, shares: Float64[Array, "... layers"]) -> Scalars:
    """11a: ``mu_max(nu) <= t mu_max(nu_0)`` with the largest share, and so for ``-mu_min``."""
    return np.asarray(end * shares.max(axis=-1), dtype=np.float64)


def ridge_upper(rho: Scalars, first: Scalars, second: Scalars, reference: Scalars) -> Scalars:
    """11a: beyond this ridge ``rho(nu) < 1``, from ``rho`` at ``nu_0`` and two curvatures.

    They are the two largest ``lam_l``. It is the root of ``(lam_1 + nu)(lam_2 + nu) = rho^2 (lam_1
    + nu_0)(lam_2 + nu_0)``, written so that nothing cancels; ``nu_0`` where ``rho <= 1`` already.
    """
    goal = rho**2 * (first + reference) * (second + reference)
    half = (first + second) / 2
    root = half + np.sqrt(((first - second) / 2) ** 2 + goal)
    return np.maximum((goal - first * second) / np.where(root > 0, root, 1.0), reference)


def shared_coupling_upper(shares: Float64[Array, "... layers"]) -> Array:
    """11b: ``mu_max(nu) <= lambda_max(sqrt(t t') - diag t)`` whatever the coupling of ``F >= 0``.

    ``shares`` are those at ``nu_0 = 0``. The case of equality is one direction that all share.
    """
    root = np.sqrt(shares)
    matrix = root[..., :, None] * root[..., None, :]
    layers = np.arange(shares.shape[-1])
    matrix[..., layers, layers] = 0.0
    return np.asarray(np.linalg.eigvalsh(matrix)[..., -1], dtype=np.float64)


def certain_ridge(curvatures: Float64[Array, " layers"]) -> float:
    """11b: beyond this ridge ``rho(nu) < 1`` for every ``F >= 0`` with these ``lam_l``.

    The root of ``sum_l lam_l / (2 lam_l + nu) = 1``; 0 where two layers at most have curvature.
    """
    found = np.asarray(curvatures, dtype=np.float64)
    positive = found[found > 0]
    if len(positive) <= 2:
        return 0.0

    def excess(nu: float) -> float:
        return float((positive / (2 * positive + nu)).sum()) - 1.0

    # Each term is at most lam / nu, so that the sum of all lam_l is beyond the root: by many orders
    # of magnitude where one curvature is that much larger, and each of these takes three halvings.
    most = float(positive.sum())
    return float(brentq(excess, 0.0, most, xtol=1e-300, rtol=8.9e-16, maxiter=10_000))


@dataclass(frozen=True)
class BudgetCoupling:
    """What a step budget says about the coupling, and up to which one the paper's regime holds.

    Attributes
    ----------
    budget
        ``tau``, the sum of the learning rates of the run.
    coupling_bound
        ``rho_tau`` is at most this: the lesser of the two below.
    measured_bound
        From the measured ``rho`` (11a); None where none was given.
    certain_bound
        For every positive semi-definite curvature with these ``lam_l`` (11b).
    additive_budget
        ``rho_tau < 1`` for every ``tau`` below it, by the better of the two results; infinite when
        no budget couples the layers by 1. Divided by the learning rate it is a number of steps.
    certain_budget
        The same by 11b alone, without a measurement of the coupling.
    """

    budget: float
    coupling_bound: float
    measured_bound: float | None
    certain_bound: float
    additive_budget: float
    certain_budget: float

    @property
    def additive(self) -> bool:
        """Whether Theorem 3.2's hypothesis ``rho < 1`` is certain at this budget."""
        return self.coupling_bound < 1


def budget_coupling(
    curvatures: Sequence[float] | Array,
    budget: float,
    coupling: float | None = None,
    *,
    reference: float = np.inf,
) -> BudgetCoupling:
    """Bound the coupling of a run from its step budget and each layer's largest curvature.

    Parameters
    ----------
    curvatures
        ``lam_l``, largest eigenvalue of each layer's block of ``F``, the curvature *without* ridge
        in the optimiser's metric (for Adam, scaled by ``P^{1/2}`` on both sides), shape (L,); one
        over the unit of ``budget``.
    budget
        ``tau``, the sum of the learning rates over the steps of the run.
    coupling
        ``rho`` as measured, if it was.
    reference
        The budget of the ridge under which ``coupling`` was measured; infinite for ``F`` itself.
        What is measured there speaks of shorter runs only.

    Raises
    ------
    InputError
        No layers, or curvatures that are negative or not finite; budgets or a coupling that are
        not positive; a reference shorter than the budget together with a coupling.

    Notes
    -----
    Provenance: extension. It says for how long a run the hypothesis of the paper's Theorem 3.2
    holds; the theorem is then about the quadratic with that ridge.

    Examples
    --------
    Four layers of curvature 2 that all see one direction: ``rho = 3``, and ``t = 1/3`` at 1/8.

    >>> record = budget_coupling([2.0] * 4, 0.125, coupling=3.0)
    >>> round(record.measured_bound, 12), round(record.certain_bound, 12)
    (1.0, 1.0)
    >>> round(record.additive_budget, 12)         # 2 tau lam (rho - 1) < 1
    0.125
    """
    lam = np.asarray(curvatures, dtype=np.float64)
    if lam.ndim != 1 or not lam.size or not np.isfinite(lam).all() or (lam < 0).any():
        raise InputError(
            f"curvatures must be finite, at least 0 and one per layer, not {curvatures!r}"
        )
    if not (np.isfinite(budget) and budget > 0):
        raise InputError(f"the step budget must be finite and above 0, got {budget!r}")
    if not reference > 0:
        raise InputError(f"the reference budget must be above 0, got {reference!r}")
    ridge, before = 1 / (2 * budget), 1 / (2 * reference)
    certain = float(shared_coupling_upper(kept_shares(lam, ridge, 0.0)))
    # The other end, -mu_min, is below the largest share in any case, and so below 1.
    certain = max(certain, float(kept_shares(lam, ridge, 0.0).max()) if len(lam) > 1 else 0.0)
    nu = certain_ridge(lam)
    certain_budget = 1 / (2 * nu) if nu > 0 else np.inf
    measured, additive_budget = None, certain_budget
    if coupling is not None:
        if not (np.isfinite(coupling) and coupling >= 0):
            raise InputError(f"coupling must be finite and at least 0, got {coupling!r}")
        if reference < budget:
            raise InputError(
                f"coupling measured at a step budget of {reference:.6g} says nothing about the "
                f"longer run of {budget:.6g}: measure it there"
            )
        measured = float(damped_coupling_upper(coupling, kept_shares(lam, ridge, before)))
        first, second = two_largest(lam)
        needed = float(ridge_upper(coupling, float(first), float(second), before))
        # At rho = 1 the shares are below 1 at every finite budget up to the reference.
        additive_budget = max(certain_budget, 1 / (2 * needed) if needed > 0 else np.inf)
    return BudgetCoupling(
        budget=float(budget),
        coupling_bound=certain if measured is None else min(certain, measured),
        measured_bound=measured,
        certain_bound=certain,
        additive_budget=float(additive_budget),
        certain_budget=float(certain_budget),
    )

"""Additivity of the function itself, at every displacement (1e)."""

from dataclasses import dataclass

import numpy as np

from theory.arrays import Array
from theory.quadratic.block_quadratic import BlockQuadratic

Scalars = Array | float


def nonadditivity_upper(rho: Scalars, parts: Scalars) -> Scalars:
    """1e: ``|theta'E_K theta| / 2 <= rho_K parts / 2``, ``parts = sum_l theta_l'K_ll theta_l``."""
    return 0.5 * rho * parts


def interaction_term_upper(mu_max: Scalars, parts: Scalars) -> Scalars:
    """12c: ``theta'E_K theta / 2 <= mu_max parts / 2``."""
    return 0.5 * mu_max * parts


def interaction_term_lower(mu_min: Scalars, parts: Scalars) -> Scalars:
    """12c: ``theta'E_K theta / 2 >= mu_min parts / 2``, at least ``-parts / 2`` if ``K >= 0``."""
    return 0.5 * mu_min * parts


@dataclass(frozen=True)
class FunctionAdditivity:
    """``|F(theta) - F(0) - sum_l (F(theta_l) - F(0))|`` and its bound, in the unit of ``F``.

    Attributes
    ----------
    nonadditivity, bound
        The size of the interaction term, and 1e.
    interaction, lower, upper
        The term with its sign, and its signed interval (12c).
    """

    nonadditivity: float
    bound: float
    interaction: float
    lower: float
    upper: float


def function_additivity(quadratic: BlockQuadratic, theta: Array) -> FunctionAdditivity:
    """Compare a quadratic function at ``theta`` with the sum over single layers.

    Parameters
    ----------
    quadratic
        Its gradient is ``J`` and its curvature ``K`` of ``F(x; theta) - F(x; 0)``; the inequality
        needs ``K``'s diagonal blocks to be positive, not ``rho_K < 1``.
    theta
        Any displacement, shape (p,).

    Raises
    ------
    InputError
        ``theta`` is not finite, or does not fit.

    Notes
    -----
    Provenance: reconstruction of Theorem 3.2; the signed interval is an extension.

    Examples
    --------
    >>> q = BlockQuadratic(np.ones(2), np.array([[1.0, 0.5], [0.5, 1.0]]), (1, 1))
    >>> record = function_additivity(q, np.array([1.0, 1.0]))      # 0.5 * 1 * 1
    >>> record.nonadditivity, round(record.bound, 12)
    (0.5, 0.5)
    """
    point = quadratic.displacement(theta)
    together = quadratic.value(point)
    apart = 0.0
    for block in quadratic.slices:
        part = np.zeros_like(quadratic.gradient)
        part[block] = point[block]
        apart += quadratic.value(part)
    parts, (mu_min, mu_max) = quadratic.norm(point) ** 2, quadratic.coupling_range
    return FunctionAdditivity(
        abs(together - apart),
        float(nonadditivity_upper(quadratic.coupling, parts)),
        together - apart,
        float(interaction_term_lower(mu_min, parts)),
        float(interaction_term_upper(mu_max, parts)),
    )

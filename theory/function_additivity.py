"""Additivity of the function itself, at every displacement (1e)."""

from dataclasses import dataclass

import numpy as np

from theory.arrays import Array
from theory.block_quadratic import BlockQuadratic

Scalars = Array | float


def nonadditivity_upper(rho: Scalars, parts: Scalars) -> Scalars:
    """1e: ``|theta'E_K theta| / 2 <= rho_K parts / 2``, ``parts = sum_l theta_l'K_ll theta_l``."""
    return 0.5 * rho * parts


@dataclass(frozen=True)
class FunctionAdditivity:
    """``|F(theta) - F(0) - sum_l (F(theta_l) - F(0))|`` and its bound, in the unit of ``F``."""

    nonadditivity: float
    bound: float


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
    Provenance: reconstruction of Theorem 3.2.

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
    return FunctionAdditivity(
        abs(together - apart),
        float(nonadditivity_upper(quadratic.coupling, quadratic.norm(point) ** 2)),
    )

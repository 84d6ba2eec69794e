"""How far the quadratic model is from the true loss (section 7)."""

from dataclasses import dataclass

import numpy as np

from theory.arrays import Array
from theory.errors import InputError
from theory.quadratic.block_quadratic import BlockQuadratic

Scalars = Array | float


def remainder_upper(lipschitz: Scalars, length: Scalars) -> Scalars:
    """7: ``|L(theta) - Q(theta)| <= K ||theta||^3 / 6``."""
    return lipschitz * length**3 / 6


@dataclass(frozen=True)
class Remainder:
    """Predicted against realised change of the loss at one displacement.

    Attributes
    ----------
    predicted, realised
        ``Q(theta)`` and ``L(theta) - L(0)``, unit of the loss.
    remainder
        ``|realised - predicted|``.
    length
        ``||theta||``.
    implied_lipschitz
        The least ``K`` of a ``K``-Lipschitz Hessian that explains the remainder,
        ``6 remainder / ||theta||^3``; 0 at ``theta = 0``.
    """

    predicted: float
    realised: float
    remainder: float
    length: float
    implied_lipschitz: float


def remainder(quadratic: BlockQuadratic, theta: Array, realised: float) -> Remainder:
    """Measure the remainder of the quadratic model.

    Parameters
    ----------
    quadratic
        The local model at ``theta = 0``.
    theta
        Displacement, shape (p,).
    realised
        Measured ``L(theta) - L(0)``, unit of the loss.

    Raises
    ------
    InputError
        ``realised`` is not finite, or ``theta`` does not fit.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    ``L = x^3 - x``: the Hessian ``6 x`` is 6-Lipschitz.

    >>> model = BlockQuadratic(np.array([-1.0]), np.array([[0.0]]), (1,))
    >>> remainder(model, np.array([0.5]), 0.125 - 0.5).implied_lipschitz
    6.0
    """
    if not np.isfinite(realised):
        raise InputError(f"the realised change of loss is {realised}: it must be finite")
    predicted = quadratic.value(theta)
    gap = abs(realised - predicted)
    length = float(np.linalg.norm(theta))
    implied = float(gap / remainder_upper(1.0, length)) if length > 0 else 0.0
    return Remainder(predicted, float(realised), gap, length, implied)

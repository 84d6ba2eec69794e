"""The loss's exact local quadratic in a few directions per module of a real model."""

from realmodel.gauss_newton.directions import Directions, select_directions
from realmodel.gauss_newton.gauss_newton import Estimate, GaussNewton
from realmodel.gauss_newton.measure import gauss_newton

__all__ = ["Directions", "Estimate", "GaussNewton", "gauss_newton", "select_directions"]

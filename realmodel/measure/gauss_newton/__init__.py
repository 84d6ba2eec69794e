"""The loss's exact local quadratic in a few directions per module of a real model."""

from realmodel.measure.gauss_newton.directions import Directions, select_directions
from realmodel.measure.gauss_newton.exact import gauss_newton
from realmodel.measure.gauss_newton.gauss_newton import GaussNewton
from realmodel.measure.gauss_newton.interval import LayersInterval, layers_interval

__all__ = [
    "Directions",
    "GaussNewton",
    "LayersInterval",
    "gauss_newton",
    "layers_interval",
    "select_directions",
]

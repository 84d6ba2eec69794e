"""The loss's exact local quadratic in a few directions per module of a real model."""

from realmodel.measure.gauss_newton.curvature_options import CurvatureOptions
from realmodel.measure.gauss_newton.directions import Directions, select_directions
from realmodel.measure.gauss_newton.exact import gauss_newton, residual_gauss_newton
from realmodel.measure.gauss_newton.gauss_newton import GaussNewton
from realmodel.measure.gauss_newton.interval import LayersInterval, layers_interval
from realmodel.measure.gauss_newton.lanczos_options import LanczosOptions

__all__ = [
    "CurvatureOptions",
    "Directions",
    "GaussNewton",
    "LanczosOptions",
    "LayersInterval",
    "gauss_newton",
    "layers_interval",
    "residual_gauss_newton",
    "select_directions",
]

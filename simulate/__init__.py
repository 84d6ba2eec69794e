"""Worlds with known answers, where claims and estimators are checked against truth."""

from simulate.draw_stream import residual_stream
from simulate.linear_gaussian import LinearGaussianWorld, linear_gaussian_world
from simulate.measured import Measured, read_measured
from simulate.moments import Moments
from simulate.residual_stream import ResidualStream
from simulate.sample import Sample

__all__ = [
    "LinearGaussianWorld",
    "Measured",
    "Moments",
    "ResidualStream",
    "Sample",
    "linear_gaussian_world",
    "read_measured",
    "residual_stream",
]

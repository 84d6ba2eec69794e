"""What LoRA can reach within a budget of optimiser steps."""

from realmodel.measure.tangent.factors import LoraFactors
from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.kernel import LayerKernel
from realmodel.measure.tangent.measure import SEQUENCES, tangent_gain
from realmodel.measure.tangent.quadratic import tangent_quadratic, tangent_replicates

__all__ = [
    "SEQUENCES",
    "LayerKernel",
    "LoraFactors",
    "TangentGain",
    "tangent_gain",
    "tangent_quadratic",
    "tangent_replicates",
]

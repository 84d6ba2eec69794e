"""What LoRA can reach within a budget of optimiser steps."""

from realmodel.tangent.factors import LoraFactors
from realmodel.tangent.gain import TangentGain
from realmodel.tangent.kernel import LayerKernel
from realmodel.tangent.measure import SEQUENCES, tangent_gain
from realmodel.tangent.quadratic import tangent_quadratic, tangent_replicates

__all__ = [
    "SEQUENCES",
    "LayerKernel",
    "LoraFactors",
    "TangentGain",
    "tangent_gain",
    "tangent_quadratic",
    "tangent_replicates",
]

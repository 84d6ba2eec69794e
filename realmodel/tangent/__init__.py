"""What LoRA can reach from its start within a budget of optimiser steps."""

from realmodel.tangent.gain import SEQUENCES, TangentGain, tangent_gain
from realmodel.tangent.gradients import TangentGradients, tangent_gradients
from realmodel.tangent.quadratic import tangent_quadratic, tangent_replicates

__all__ = [
    "SEQUENCES",
    "TangentGain",
    "TangentGradients",
    "tangent_gain",
    "tangent_gradients",
    "tangent_quadratic",
    "tangent_replicates",
]

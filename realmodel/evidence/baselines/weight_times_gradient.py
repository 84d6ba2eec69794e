"""GoRA's importance: the mean of ``|W o G|`` over a weight's entries."""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores


def score(context: Context) -> LayerScores:
    """Mean over the layer's modules of each one's mean ``|W o G|``; ``G`` is the mean gradient."""
    gradient = context.statistics.gradient
    importance = {
        m.name: float(np.abs(context.weight(m) * gradient[m.name]).mean()) for m in context.modules
    }
    return LayerScores(context.by_layer(importance, "mean"))


BASELINES = (
    Baseline(
        "weight-times-gradient",
        "Weight times gradient (GoRA)",
        "He et al., GoRA, arXiv 2502.12171 (summary read; the formula from knowledge): it shares "
        "out ranks among modules, the mean over a layer is ours",
        "statistics",
        score,
    ),
)

"""Fisher information with labels from the model: ``tr Sigma tr Gamma``, K-FAC's trace."""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores


def score(context: Context) -> LayerScores:
    """Sum over the layer's modules: exact where inputs and output gradients are independent."""
    statistics = context.statistics
    traces = {
        m.name: float(
            np.trace(statistics.sigma[m.input_group]) * np.trace(statistics.gamma[m.name])
        )
        for m in context.modules
    }
    return LayerScores(context.by_layer(traces, "sum"))


BASELINES = (
    Baseline(
        "fisher-trace",
        "Fisher trace, the model's labels (FIM)",
        "Fisher information as an importance for ranks (common; from knowledge), with K-FAC's "
        "factors in place of single gradients (Martens and Grosse 2015, from knowledge)",
        "statistics",
        score,
    ),
)

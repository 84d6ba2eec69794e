"""Relative gradient norm: ``||G_l||_F / ||W_l||_F``."""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.gradient_norm import gradient_norms
from realmodel.evidence.baselines.score import Baseline, LayerScores


def score(context: Context) -> LayerScores:
    """Larger ratios first; the layer's modules count as one long vector."""
    weights = {m.name: float(np.linalg.norm(context.weight(m))) for m in context.modules}
    norms = context.by_layer(weights, "root-sum-square")
    return LayerScores({layer: g / norms[layer] for layer, g in gradient_norms(context).items()})


BASELINES = (
    Baseline(
        "relative-gradient-norm",
        "Relative gradient norm",
        "Auto-RGN of Lee et al., Surgical Fine-Tuning, arXiv 2210.11466: ratio of gradient norm "
        "to parameter norm (read in a summary; they scale learning rates with it)",
        "statistics",
        score,
    ),
)

"""Gradient norm: ``||G_l||_F`` of the mean loss over the layer's weights."""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores


def gradient_norms(context: Context) -> dict[int, float]:
    """Frobenius norm of the mean gradient, by layer (nats per unit of weight)."""
    gradient = context.statistics.gradient
    norms = {m.name: float(np.linalg.norm(gradient[m.name])) for m in context.modules}
    return context.by_layer(norms, "root-sum-square")


def score(context: Context) -> LayerScores:
    """Larger gradients first."""
    return LayerScores(gradient_norms(context))


BASELINES = (
    Baseline(
        "gradient-norm",
        "Gradient norm",
        "folklore; as a probe for LoRA layers: Aletheia, arXiv 2604.15351 (abstract read)",
        "statistics",
        score,
    ),
)

"""Spectrum's signal-to-noise ratio of a weight's singular values.

With singular values ``s``, ``sigma = IQR(s) / 1.349``, shape ratio ``beta <= 1`` and the
Marchenko-Pastur edge ``eps = sigma (1 + sqrt(beta))``: ``SNR = sum(s > eps) s / sum(s <= eps) s``,
divided by the largest singular value.
"""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores


def signal_to_noise(weight: np.ndarray) -> float:
    """SNR over the largest singular value; with no value below the edge the noise counts as 1."""
    s = np.linalg.svd(weight, compute_uv=False)
    low, high = np.quantile(s, [0.25, 0.75])
    beta = min(weight.shape) / max(weight.shape)
    edge = (high - low) / 1.349 * (1 + np.sqrt(beta))
    noise = s[s <= edge].sum() if (s <= edge).any() else 1.0
    return float(s[s > edge].sum() / noise / s[0])


def score(context: Context) -> LayerScores:
    """Mean over the layer's modules, each relative to the mean of its kind over all layers.

    Spectrum ranks modules within their kind; dividing by the kind's mean keeps one kind from
    deciding for the layer.
    """
    ratios = {m.name: signal_to_noise(context.weight(m)) for m in context.modules}
    kinds: dict[str, list[float]] = {}
    for module in context.modules:
        kinds.setdefault(module.kind, []).append(ratios[module.name])
    relative = {
        m.name: ratios[m.name] / (float(np.mean(kinds[m.kind])) or 1.0) for m in context.modules
    }
    return LayerScores(context.by_layer(relative, "mean"))


BASELINES = (
    Baseline(
        "signal-to-noise",
        "Signal-to-noise ratio (Spectrum)",
        "Hartford et al., arXiv 2406.06623: summary of the paper and the formulas of the authors' "
        "program were read; the step from modules to layers is ours",
        "weights",
        score,
    ),
)

"""KappaTune: modules of the smallest condition number ``s_max / s_min`` are adapted."""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores

FLOOR = 1e-8
"""Added to the smallest singular value, as in peft's implementation."""


def condition_number(weight: np.ndarray) -> float:
    """``s_max / (s_min + FLOOR)``."""
    s = np.linalg.svd(weight, compute_uv=False)
    return float(s[0] / (s[-1] + FLOOR))


def score(context: Context) -> LayerScores:
    """Best conditioned first: minus the mean logarithm over the layer's modules."""
    logs = {m.name: float(np.log(condition_number(context.weight(m)))) for m in context.modules}
    means = context.by_layer(logs, "mean")
    return LayerScores.from_worst({layer: -value for layer, value in means.items()})


BASELINES = (
    Baseline(
        "condition-number",
        "Condition number (KappaTune)",
        "KappaTune as in peft.helpers.find_kappa_target_modules (formula read there); it ranks "
        "modules, the mean of logarithms over a layer is ours",
        "weights",
        score,
    ),
)

"""Empirical Fisher: ``tr F_l = E_sequences ||grad_l log p(completion | prompt)||^2``."""

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores

SEQUENCES = 64
"""At most this many sequences, at random: one backward pass each."""


def score(context: Context) -> LayerScores:
    """Trace over the layer's weights, from the data's own labels, one sequence at a time."""
    model = context.checkpoint.model
    names = [module.name for module in context.modules]
    traces = dict.fromkeys(names, 0.0)
    count = min(SEQUENCES, len(context.encoded))
    weights = [model.get_submodule(name).weight for name in names]
    for gradients in context.sequence_gradients(weights, count):
        for name, gradient in zip(names, gradients, strict=True):
            if gradient is not None:
                traces[name] += float(gradient.double().square().sum()) / count
    return LayerScores(context.by_layer(traces, "sum"))


BASELINES = (
    Baseline(
        "empirical-fisher",
        "Empirical Fisher trace",
        "Kirkpatrick et al. 2017, arXiv 1612.00796, diagonal Fisher (from knowledge); here with "
        "the data's labels and the loss per token of each sequence",
        "sequences",
        score,
    ),
)

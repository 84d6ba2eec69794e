"""Empirical Fisher: ``tr F_l = E_sequences ||grad_l log p(completion | prompt)||^2``."""

import torch

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores
from realmodel.measure.random_subset import random_subset
from realmodel.model.batches import batches, completion_loss

SEQUENCES = 64
"""At most this many sequences, at random: one backward pass each."""


def score(context: Context) -> LayerScores:
    """Trace over the layer's weights, from the data's own labels, one sequence at a time."""
    model = context.checkpoint.model
    weights = {m.name: model.get_submodule(m.name).weight for m in context.modules}
    required = {name: weight.requires_grad for name, weight in weights.items()}
    traces = dict.fromkeys(weights, 0.0)
    chosen = random_subset(len(context.encoded), SEQUENCES, context.seed)
    rows = [context.encoded[place] for place in chosen]
    try:
        for weight in weights.values():
            weight.requires_grad_(True)
        for batch in batches(rows, batch_size=1, pad_id=0):
            loss, count = completion_loss(model, batch.to(next(iter(weights.values())).device))
            gradients = torch.autograd.grad(loss / count, list(weights.values()))
            for name, gradient in zip(weights, gradients, strict=True):
                traces[name] += float(gradient.double().square().sum()) / len(rows)
    finally:
        for name, weight in weights.items():
            weight.requires_grad_(required[name])
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

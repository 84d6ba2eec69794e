"""Aletheia's probe: norms of the gradients of a layer's parameters, summed over five sequences."""

from typing import Any

import torch

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores
from realmodel.measure.random_subset import random_subset
from realmodel.model.batches import batches, completion_loss

SEQUENCES = 5


def score(context: Context) -> LayerScores:
    """Every parameter of the layer counts, norms and biases too, each by its own norm."""
    model = context.checkpoint.model
    blocks = {m.layer: m.name.removesuffix(f".{m.kind}") for m in context.modules}
    owned = [
        (layer, parameter)
        for layer, block in sorted(blocks.items())
        for parameter in model.get_submodule(block).parameters()
    ]
    parameters = [parameter for _, parameter in owned]
    required = [parameter.requires_grad for parameter in parameters]
    sums = dict.fromkeys(sorted(blocks), 0.0)
    chosen = random_subset(len(context.encoded), SEQUENCES, context.seed)
    rows = [context.encoded[place] for place in chosen]
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        for batch in batches(rows, batch_size=1, pad_id=0):
            loss, count = completion_loss(model, batch.to(parameters[0].device))
            gradients: tuple[Any, ...] = torch.autograd.grad(
                loss / count, parameters, allow_unused=True
            )
            for (layer, _), gradient in zip(owned, gradients, strict=True):
                sums[layer] += 0.0 if gradient is None else float(gradient.norm())
    finally:
        for parameter, before in zip(parameters, required, strict=True):
            parameter.requires_grad_(before)
    return LayerScores(sums)


BASELINES = (
    Baseline(
        "parameter-gradient-norms",
        "Gradient norms of 5 sequences (Aletheia)",
        "Saket, arXiv 2604.15351 (abstract read): a light gradient probe; that it sums the norms "
        "of every parameter's gradient over 5 sequences is from a reviewer's account",
        "sequences",
        score,
    ),
)

"""Aletheia's probe: norms of the gradients of a layer's parameters, summed over five sequences."""

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores

SEQUENCES = 5


def score(context: Context) -> LayerScores:
    """Every parameter of the layer counts, norms and biases too, each by its own norm."""
    model = context.checkpoint.model
    owned = [
        (layer, parameter)
        for layer, block in context.blocks.items()
        for parameter in model.get_submodule(block).parameters()
    ]
    sums = dict.fromkeys(context.blocks, 0.0)
    parameters = [parameter for _, parameter in owned]
    for gradients in context.sequence_gradients(parameters, SEQUENCES):
        for (layer, _), gradient in zip(owned, gradients, strict=True):
            sums[layer] += 0.0 if gradient is None else float(gradient.norm())
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

"""PLoP's normalised feature norm: ``NFN(W, x) = ||W z(x)|| / ||W z~(x)||``.

``z`` is the module's input and ``z~`` a random vector with independent centred Gaussian
coordinates and the norm of ``z``. From second moments, ``E||W z||^2 = tr(W Sigma W')`` and
``E||W z~||^2 = ||W||_F^2 tr(Sigma) / d``; the square root of their ratio is the score here
(a ratio of means where the paper takes a mean of ratios).
"""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores


def feature_norms(context: Context) -> dict[str, float]:
    """The normalised feature norm of every module, without unit; 1 for isotropic inputs."""
    norms = {}
    for module in context.modules:
        weight, sigma = context.weight(module), context.statistics.sigma[module.input_group]
        seen = float(np.einsum("md,de,me->", weight, sigma, weight, optimize=True))
        expected = float(np.square(weight).sum() * np.trace(sigma) / len(sigma))
        norms[module.name] = float(np.sqrt(seen / expected))
    return norms


def score(context: Context) -> LayerScores:
    """Least aligned first: minus the mean over the layer's modules."""
    means = context.by_layer(feature_norms(context), "mean")
    return LayerScores.from_worst({layer: -value for layer, value in means.items()})


BASELINES = (
    Baseline(
        "feature-norm",
        "Normalised feature norm (PLoP)",
        "Hayou, Ghosh and Yu, arXiv 2506.20629: the formula was read in a review of the paper, "
        "the rule (adapt where it is low) is from knowledge; they choose module types, not layers",
        "statistics",
        score,
    ),
)

"""Residual norm: ``||G Sigma^{-1/2}||_F`` (section 3a), and with Gamma (3d)."""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores
from theory import projected_residual_norm
from theory.hardness.residual_norm import kronecker_residual_norm

RIDGE = 1e-3
"""Ridge of Sigma and Gamma, relative to their mean eigenvalue."""


def ridge_of(moment: np.ndarray) -> float:
    """The ridge added to a second moment: ``RIDGE`` times its mean eigenvalue."""
    return RIDGE * float(np.trace(moment)) / len(moment)


def activation_score(context: Context) -> LayerScores:
    """Half the squared norms, summed over the modules: the best linear-adapter gain of 3a."""
    statistics = context.statistics
    gains = {}
    for module in context.modules:
        sigma = statistics.sigma[module.input_group]
        norm = projected_residual_norm(
            statistics.gradient[module.name], sigma, ridge=ridge_of(sigma)
        )
        gains[module.name] = norm**2 / 2
    return LayerScores(context.by_layer(gains, "sum"))


def kronecker_score(context: Context) -> LayerScores:
    """The same seen from the loss: both Kronecker factors of the curvature."""
    statistics = context.statistics
    gains = {}
    for module in context.modules:
        sigma, gamma = statistics.sigma[module.input_group], statistics.gamma[module.name]
        norm = kronecker_residual_norm(
            statistics.gradient[module.name],
            sigma,
            gamma,
            ridge=ridge_of(sigma),
            output_ridge=ridge_of(gamma),
        )
        gains[module.name] = norm**2 / 2
    return LayerScores(context.by_layer(gains, "sum"))


BASELINES = (
    Baseline(
        "residual-norm",
        "Residual norm (activations)",
        "Theorem 3.3 of arXiv 2602.04019 (title read, display reconstructed)",
        "statistics",
        activation_score,
    ),
    Baseline(
        "residual-norm-kronecker",
        "Residual norm (Sigma and Gamma)",
        "extension 3d; the factors are K-FAC's (Martens and Grosse 2015, from knowledge)",
        "statistics",
        kronecker_score,
    ),
)

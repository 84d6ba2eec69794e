"""Ours: the gain of a set in the joint Gauss-Newton model, and the sum of single gains."""

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, JointGain, LayerScores


def greedy_score(context: Context) -> JointGain:
    """Joint gain, chosen greedily by exact marginals."""
    return JointGain(context.quadratic, context.layers, "greedy")


def exact_score(context: Context) -> JointGain:
    """Joint gain, best set by branch and bound."""
    return JointGain(context.quadratic, context.layers, "exact")


def additive_score(context: Context) -> LayerScores:
    """Half the squared residual norm of each block: what additivity would predict."""
    norms = context.quadratic.residual_norms
    gains = zip(context.layers, norms.tolist(), strict=True)
    return LayerScores({layer: norm**2 / 2 for layer, norm in gains})


SOURCE = "this project (docs/theory.md, sections 1, 8 and 9)"
BASELINES = (
    Baseline(
        "joint-gain-greedy", "Joint gain, greedy (ours)", SOURCE, "quadratic", greedy_score, True
    ),
    Baseline(
        "joint-gain-exact", "Joint gain, exact (ours)", SOURCE, "quadratic", exact_score, True
    ),
    Baseline(
        "additive-gain", "Sum of single gains (ours)", SOURCE, "quadratic", additive_score, True
    ),
)

"""Ours: the gain within the runs' budget of steps, at their start and at their midpoint."""

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, JointGain
from realmodel.measure.one_pass import one_pass
from realmodel.measure.tangent.midpoint import midpoint
from realmodel.measure.tangent.quadratic import tangent_quadratic


def at_midpoint(context: Context) -> JointGain:
    """With the tangent where the runs are half-way: one more pass to get there, and one there."""
    middle = midpoint(context.checkpoint, context.encoded, context.modules, context.protocol)
    measured = one_pass(
        context.checkpoint,
        context.encoded,
        context.modules,
        protocol=context.protocol,
        factors=middle,
        groups=0,
        seed=context.seed,
    )
    return JointGain(tangent_quadratic(measured.tangent()), context.layers, "exact")


def at_start(context: Context) -> JointGain:
    """With the tangent at the start: the model of the card, by which ``place`` goes."""
    return JointGain(tangent_quadratic(context.statistics.tangent()), context.layers, "exact")


BASELINES = (
    Baseline(
        "tangent-quadratic",
        "Tangent quadratic at the midpoint (ours)",
        "this project: Gauss-Newton in all of LoRA's directions, Adam's scaling, a budget of steps",
        "sequences",
        at_midpoint,
        predicts_gain=True,
    ),
    Baseline(
        "tangent-start",
        "Tangent quadratic at the start (ours)",
        "this project: the same where a run starts, with a gradient of LoRA's B alone",
        "statistics",
        at_start,
        predicts_gain=True,
    ),
)

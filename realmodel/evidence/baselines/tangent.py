"""Ours: the gain within the runs' budget of steps, at its start and at its midpoint."""

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, JointGain
from realmodel.measure.tangent import TangentGain, tangent_gain, tangent_quadratic


def flow(context: Context) -> TangentGain:
    """The gain of a flow, under the protocol that the runs will follow."""
    return tangent_gain(
        context.checkpoint, context.encoded, context.modules, context.protocol, at="midpoint"
    )


def at_midpoint(context: Context) -> JointGain:
    """The same with a ridge in place of the flow, best set by branch and bound."""
    return JointGain(tangent_quadratic(flow(context)), context.layers, "exact")


def at_start(context: Context) -> JointGain:
    """The same with the tangent at the start, as on the card."""
    gain = tangent_gain(context.checkpoint, context.encoded, context.modules, context.protocol)
    return JointGain(tangent_quadratic(gain), context.layers, "exact")


BASELINES = (
    Baseline(
        "tangent-gain",
        "Tangent flow at the midpoint (ours)",
        "this project: Gauss-Newton in all of LoRA's directions, Adam's scaling, 4c",
        "sequences",
        flow,
        predicts_gain=True,
    ),
    Baseline(
        "tangent-quadratic",
        "Tangent quadratic at the midpoint (ours)",
        "this project: the same with a ridge for the budget, as a block quadratic",
        "sequences",
        at_midpoint,
        predicts_gain=True,
    ),
    Baseline(
        "tangent-start",
        "Tangent quadratic at the start (ours)",
        "this project: the same where a run starts, with a gradient of LoRA's B alone",
        "sequences",
        at_start,
        predicts_gain=True,
    ),
)

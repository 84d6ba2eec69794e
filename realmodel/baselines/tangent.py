"""Ours: the gain within the runs' budget of steps, as a flow and as a block quadratic."""

from realmodel.baselines.context import Context
from realmodel.baselines.score import Baseline, JointGain
from realmodel.tangent import TangentGain, tangent_gain, tangent_quadratic


def flow(context: Context) -> TangentGain:
    """The gain under the protocol that the runs will follow."""
    return tangent_gain(context.checkpoint, context.encoded, context.modules, context.protocol)


def at_start(context: Context) -> JointGain:
    """The same with the tangent at the start, where only ``B`` has a gradient."""
    gain = tangent_gain(
        context.checkpoint, context.encoded, context.modules, context.protocol, at="start"
    )
    return JointGain(tangent_quadratic(gain), context.layers, "exact")


def quadratic(context: Context) -> JointGain:
    """Joint gain in the budgeted quadratic, best set by branch and bound."""
    return JointGain(tangent_quadratic(flow(context)), context.layers, "exact")


BASELINES = (
    Baseline(
        "tangent-gain",
        "Tangent gain under the step budget (ours)",
        "this project: Gauss-Newton in all of LoRA's directions half-way, Adam's scaling, 4c",
        "sequences",
        flow,
        predicts_gain=True,
    ),
    Baseline(
        "tangent-quadratic",
        "Tangent gain as a quadratic (ours)",
        "this project: the tangent gain with a ridge for the budget, as a block quadratic",
        "sequences",
        quadratic,
        predicts_gain=True,
    ),
    Baseline(
        "tangent-start",
        "Tangent quadratic at the start (ours)",
        "this project: the same without the midpoint, blind to LoRA's A",
        "sequences",
        at_start,
        predicts_gain=True,
    ),
)

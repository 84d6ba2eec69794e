"""Ours: the gain within the runs' budget of steps, at its start and at its midpoint."""

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, JointGain
from realmodel.measure.one_pass import one_pass
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.midpoint import midpoint
from realmodel.measure.tangent.quadratic import tangent_quadratic


def measured(context: Context, factors: LoraFactors | None = None) -> TangentGain:
    """Under the protocol that the runs will follow."""
    return one_pass(
        context.checkpoint,
        context.encoded,
        context.modules,
        protocol=context.protocol,
        factors=factors,
        groups=0,
        seed=context.seed,
    ).tangent()


def flow(context: Context) -> TangentGain:
    """The gain of a flow, with the tangent where the runs are half-way."""
    middle = midpoint(context.checkpoint, context.encoded, context.modules, context.protocol)
    return measured(context, middle)


def at_midpoint(context: Context) -> JointGain:
    """The same with a ridge in place of the flow, best set by branch and bound."""
    return JointGain(tangent_quadratic(flow(context)), context.layers, "exact")


def at_start(context: Context) -> JointGain:
    """The same with the tangent at the start, as on the card."""
    return JointGain(tangent_quadratic(measured(context)), context.layers, "exact")


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

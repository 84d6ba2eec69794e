"""The tangent model of one pass: batches, partitions, subsets, groupings."""

import numpy as np
import pytest

from realmodel.finetuning import FinetuneOptions
from realmodel.measure.one_pass import one_pass
from realmodel.measure.random_subset import random_subset
from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.kernel import Kernel, regroup
from realmodel.measure.tangent.midpoint import midpoint
from tests.realmodel.passed import passed

PROTOCOL = FinetuneOptions(rank=2, steps=10, batch_size=3)
SETS = [(0,), (1, 2), (0, 1, 2)]


def measure(context, **options):
    given = {"protocol": PROTOCOL, "groups": 0} | options
    return passed(context.checkpoint, context.encoded, context.modules, **given)


def values(measurement):
    gain = measurement.tangent()
    return np.array([gain.value(layers) for layers in SETS])


def test_batches_change_nothing(context):
    alone = values(measure(context, batch_size=1))
    assert (alone > 0).all()
    assert values(measure(context, batch_size=5)) == pytest.approx(alone, rel=1e-3)


def test_partitions_change_nothing(context):
    assert values(measure(context, partitions=3)) == pytest.approx(
        values(measure(context)), rel=1e-4
    )


def test_moments_beside_the_rows_change_nothing(context):
    assert values(measure(context, groups=4)) == pytest.approx(values(measure(context)), rel=1e-3)


def test_the_model_is_left_as_it_was(context):
    model = context.checkpoint.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainable = [p.requires_grad for p in model.parameters()]
    attention = model.config._attn_implementation
    measure(context)
    assert all((before[name] == value).all() for name, value in model.state_dict().items())
    assert [p.requires_grad for p in model.parameters()] == trainable
    assert model.config._attn_implementation == attention


def test_at_the_start_the_tangent_is_blind_to_the_inner_factor(context):
    """So it reaches less to first order."""
    start = measure(context).tangent()
    factors = midpoint(context.checkpoint, context.encoded, context.modules, PROTOCOL)
    middle = measure(context, factors=factors).tangent()
    for layer, kernel in start.kernels.items():
        assert 0 < kernel.square < middle.kernels[layer].square


def test_the_rows_are_of_a_random_subset(context):
    few = measure(context, tangent_samples=4)
    places = random_subset(len(context.encoded), 4, seed=0)
    assert few.row_tokens == tuple(context.encoded[i].num_completion_tokens for i in places)
    assert places != (0, 1, 2, 3)
    # Without moments only these are run: the loss says which.
    alone = measure(context, groups=1, tangent_samples=4).row_tokens
    assert alone == few.row_tokens
    chosen = one_pass(
        context.checkpoint, [context.encoded[i] for i in places], context.modules, groups=1
    )
    assert few.loss == pytest.approx(chosen.loss, rel=1e-4)
    assert measure(context, tangent_samples=4, seed=1).loss != pytest.approx(few.loss, rel=1e-4)


def test_kernels_add_up_under_any_grouping(context):
    measured = measure(context, draws=2)
    by_layer = regroup(measured.kernels, measured.modules, lambda module: module.layer)
    by_kind = regroup(measured.kernels, measured.modules, lambda module: module.kind)
    assert set(by_kind) == {module.kind for module in measured.modules}
    for item in ("curvature", "projection", "contributions", "slopes"):
        whole = sum(getattr(kernel, item) for kernel in by_layer.values())
        np.testing.assert_allclose(
            sum(getattr(kernel, item) for kernel in by_kind.values()), whole, rtol=1e-12
        )
    n = len(context.encoded)
    assert by_layer[0].curvature.shape == (2 * n, 2 * n)
    assert by_layer[0].contributions.shape == (n, 2 * n)
    # The joint gain of all layers is the joint gain of all kinds.
    tokens = np.array(measured.row_tokens, dtype=float)
    kinds = TangentGain(dict(enumerate(by_kind.values())), tokens, PROTOCOL.time)
    assert kinds.value(sorted(kinds.kernels)) == pytest.approx(
        measured.tangent().value((0, 1, 2)), rel=1e-8
    )


def test_more_draws_agree_about_the_curvature(context):
    """Two draws of labels are nearer to sixteen than one is: the noise is the draws'."""

    def curvature(draws, seed):
        kernel = sum(
            measure(context, draws=draws, seed=seed).kernels.values(), start=zero(context, draws)
        )
        # S'S seen through its own sequences: the trace of F P is free of the draws' order.
        return float(np.trace(kernel.curvature))

    many = np.mean([curvature(8, seed) for seed in (11, 12)])
    one = np.std([curvature(1, seed) - many for seed in range(6)])
    four = np.std([curvature(4, seed) - many for seed in range(6)])
    assert four < one


def zero(context, draws):
    n = len(context.encoded)
    s = draws * n
    return Kernel(np.zeros((s, s)), np.zeros(s), 0.0, np.zeros((n, s)), np.zeros(n))

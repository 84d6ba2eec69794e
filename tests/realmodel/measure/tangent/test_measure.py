"""Measuring the tangent gain: batches, partitions, resumption, refusals."""

import numpy as np
import pytest

from realmodel.finetuning import FinetuneOptions
from realmodel.measure.tangent import tangent_gain
from realmodel.measure.tangent.measure import group_kernels
from theory import InputError

PROTOCOL = FinetuneOptions(rank=2, steps=10, batch_size=3)
SETS = [(0,), (1, 2), (0, 1, 2)]


def measure(context, **options):
    return tangent_gain(context.checkpoint, context.encoded, context.modules, PROTOCOL, **options)


def values(gain):
    return np.array([gain.value(layers) for layers in SETS])


def test_batches_change_nothing(context):
    alone = values(measure(context, batch_size=1))
    assert (alone > 0).all()
    assert values(measure(context, batch_size=5)) == pytest.approx(alone, rel=1e-3)


def test_partitions_change_nothing(context):
    assert values(measure(context, partitions=3)) == pytest.approx(
        values(measure(context)), rel=1e-5
    )


def test_the_model_is_left_as_it_was(context):
    model = context.checkpoint.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainable = [p.requires_grad for p in model.parameters()]
    measure(context)
    assert all((before[name] == value).all() for name, value in model.state_dict().items())
    assert [p.requires_grad for p in model.parameters()] == trainable


def test_at_the_start_the_tangent_is_blind_to_the_inner_factor(context):
    """So it reaches less to first order."""
    start, middle = measure(context), measure(context, at="midpoint")
    for layer, kernel in start.kernels.items():
        assert 0 < kernel.square < middle.kernels[layer].square


def test_only_the_first_sequences_are_used(context):
    assert len(measure(context, sequences=4).tokens) == 4
    assert values(measure(context, sequences=4)) != pytest.approx(values(measure(context)))


def test_a_killed_run_continues_and_is_bit_identical(context, tmp_path, monkeypatch):
    whole = values(measure(context, partitions=3, at="midpoint"))
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return group_kernels(*args, **kwargs)

    monkeypatch.setattr("realmodel.measure.tangent.measure.group_kernels", counted)
    with pytest.raises(KeyboardInterrupt):
        measure(context, partitions=3, at="midpoint", work_dir=tmp_path)
    seen = []
    again = measure(
        context,
        partitions=3,
        at="midpoint",
        work_dir=tmp_path,
        progress=lambda done, total: seen.append(done),
    )
    assert len(calls) == 4  # one before the kill, the killed one, two after it
    assert values(again).tolist() == whole.tolist()
    assert seen == sorted(seen)


def test_a_folder_of_another_run_is_refused(context, tmp_path):
    measure(context, work_dir=tmp_path)
    with pytest.raises(InputError, match="another data"):
        measure(context, sequences=4, work_dir=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"partitions": 4}, "partitions 4: choose 1 to 3"), ({"sequences": 0}, "nothing to measure")],
)
def test_bad_options_are_refused(context, options, message):
    with pytest.raises(InputError, match=message):
        measure(context, **options)

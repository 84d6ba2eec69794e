from dataclasses import replace

import pytest
import torch

from realmodel.finetuning import FinetuneOptions, target_modules
from realmodel.finetuning.loss import trailing_loss
from realmodel.model.adapter import adapted, adapter_parameters
from realmodel.model.batches import batches, completion_loss
from realmodel.model.modules import AdaptedModule
from realmodel.model.peft_adapters import trainable_modules
from theory import InputError

OPTIONS = FinetuneOptions(rank=2)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same_model(before, model):
    after = model.state_dict()
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name


@pytest.mark.parametrize("layers", [(0,), (1, 2), (0, 2), None])
def test_the_trainable_modules_are_those_of_the_placement(checkpoint, table_of, layers):
    table = table_of(checkpoint)
    modules = target_modules(table, layers=layers)
    wanted = {m.name for m in table.modules if layers is None or m.layer in layers}
    assert {m.name for m in modules} == wanted
    with adapted(checkpoint.model, modules, OPTIONS) as peft_model:
        assert set(trainable_modules(peft_model)) == wanted
        count = sum(p.numel() for p in adapter_parameters(peft_model).values())
    assert count == sum(2 * (m.in_features + m.out_features) for m in modules)


def test_adapters_start_as_the_identity_and_leave_no_trace(checkpoint, table_of, encoded_by):
    before = state(checkpoint.model)
    batch = next(batches(encoded_by(checkpoint), batch_size=4, pad_id=0))
    plain, _ = completion_loss(checkpoint.model, batch)
    with adapted(checkpoint.model, target_modules(table_of(checkpoint)), OPTIONS) as peft_model:
        start, _ = completion_loss(peft_model, batch)
        for parameter in adapter_parameters(peft_model).values():
            parameter.data.normal_()
        changed, _ = completion_loss(peft_model, batch)
    assert float(start.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    assert abs(float((changed - plain).detach())) > 1e-3
    assert_same_model(before, checkpoint.model)
    after, _ = completion_loss(checkpoint.model, batch)
    assert float(after.detach()) == float(plain.detach())


def test_the_check_for_leftovers_sees_a_changed_weight(gpt2):
    before = state(gpt2.model)
    next(gpt2.model.parameters()).data.add_(1.0)
    with pytest.raises(AssertionError):
        assert_same_model(before, gpt2.model)


def test_a_shared_module_starts_alike_in_every_placement_and_not_for_every_seed(gpt2, table_of):
    table = table_of(gpt2)

    def first(layers, seed):
        options = replace(OPTIONS, seed=seed)
        with adapted(gpt2.model, target_modules(table, layers=layers), options) as peft_model:
            name = next(n for n in adapter_parameters(peft_model) if "h.2.attn" in n and "A" in n)
            return adapter_parameters(peft_model)[name].detach().clone()

    assert torch.equal(first((2,), 0), first((0, 2), 0))
    assert not torch.equal(first((2,), 0), first((2,), 1))


def test_a_module_that_peft_does_not_reach_is_reported(gpt2, table_of):
    module = target_modules(table_of(gpt2), layers=[0])[0]
    wrong = replace(module, name="transformer.h.0.mlp.c_fc")
    also = AdaptedModule(**{**vars(module), "name": "h.0.attn.c_attn"})
    with (
        pytest.raises(InputError, match=r"missing \['h\.0\.attn\.c_attn'\]"),
        adapted(gpt2.model, [wrong, also], OPTIONS),
    ):
        pass


def test_the_faster_loss_is_the_loss(checkpoint, encoded_by):
    for batch in batches(encoded_by(checkpoint), batch_size=7, pad_id=0):
        slow, count = completion_loss(checkpoint.model, batch)
        fast, fast_count = trailing_loss(checkpoint.model, batch)
        assert count == fast_count
        assert float(fast.detach()) == pytest.approx(float(slow.detach()), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": [0, 3]}, "layer 3 is out of range: the model has layers 0 to 2"),
        ({"layers": [-1]}, "layer -1 is out of range"),
        ({"layers": []}, "the placement is empty"),
        ({"layers": [1, 1]}, "layer 1 appears twice"),
        ({"names": ["transformer.h.0.nowhere"]}, "no module 'transformer.h.0.nowhere'"),
        ({"names": ["lm_head"]}, "no module 'lm_head' to adapt; it is excluded"),
        ({"names": ["x"], "layers": [0]}, "layers or module names, not both"),
    ],
)
def test_a_placement_that_does_not_fit_is_refused(gpt2, table_of, arguments, message):
    with pytest.raises(InputError, match=message):
        target_modules(table_of(gpt2), **arguments)


def test_modules_can_be_named_one_by_one(gpt2, table_of):
    names = ["transformer.h.2.mlp.c_proj", "transformer.h.0.attn.c_attn"]
    modules = target_modules(table_of(gpt2), names=names)
    assert [m.name for m in modules] == names[::-1]
    with adapted(gpt2.model, modules, OPTIONS) as peft_model:
        assert set(trainable_modules(peft_model)) == set(names)

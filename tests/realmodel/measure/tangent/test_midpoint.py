"""LoRA's coordinates at the midpoint of a run, against peft and autograd."""

import numpy as np
import pytest
import torch

from realmodel.finetuning import FinetuneOptions, target_modules
from realmodel.measure.statistics.measuring import measuring
from realmodel.measure.statistics.plan import plan_batches
from realmodel.measure.tangent import LoraFactors
from realmodel.measure.tangent.gradients import sequence_gradients
from realmodel.measure.tangent.midpoint import midpoint
from realmodel.model.adapter import adapted, adapter_parameters

PROTOCOL = FinetuneOptions(rank=2, steps=10, batch_size=3)
LAYER = 1


def drawn(context):
    return LoraFactors.drawn(context.modules, PROTOCOL, seed=5)


def measured(context, encoded, factors, draws=(None,)):
    plan = plan_batches(encoded, groups=1, batch_size=3)
    with measuring(context.checkpoint.model):
        return sequence_gradients(context.checkpoint.model, encoded, plan, factors, draws=draws)


def displaced(factors):
    rng = np.random.default_rng(0)
    return factors.moved({k: 0.1 * rng.standard_normal(factors.size(k)) for k in range(3)})


def by_autograd(context, example, factors):
    """Of peft's adapters at these factors, on a model whose weights make up for them."""
    modules = target_modules(context.table, layers=[LAYER])
    with adapted(context.checkpoint.model, modules, PROTOCOL) as peft_model:
        parameters = adapter_parameters(peft_model)
        prefix = "base_model.model."

        def shift_weights(sign):
            for module in modules:
                update = factors.scaling * factors.B[module.name] @ factors.A[module.name]
                layer = peft_model.get_submodule(prefix + module.name).get_base_layer()
                layer.weight += sign * (update.T if module.transposed else update)

        ordered = []
        with torch.no_grad():
            for module in modules:
                for letter, source in (("A", factors.A), ("B", factors.B)):
                    name = f"{prefix}{module.name}.lora_{letter}.default.weight"
                    parameters[name].copy_(source[module.name])
                    ordered.append(parameters[name])
            shift_weights(-1)
        logits = peft_model(torch.tensor([example.input_ids])).logits[0, :-1]
        labels = torch.tensor(example.labels[1:])
        kept = labels != -100
        loss = torch.nn.functional.cross_entropy(logits[kept], labels[kept], reduction="sum")
        gradients = torch.autograd.grad(loss, ordered)
        with torch.no_grad():
            shift_weights(1)
    return torch.cat([g.flatten() for g in gradients]).numpy()


def test_the_gradients_are_those_of_adapters_on_unmoved_weights(context):
    factors = displaced(drawn(context))
    encoded = context.encoded[:4]
    (found,) = measured(context, encoded, factors)
    for row, example in enumerate(encoded):
        expected = by_autograd(context, example, factors)
        scale = float(np.abs(expected).max())
        assert found[LAYER][row].numpy() == pytest.approx(expected, rel=1e-3, abs=1e-4 * scale)


def test_at_the_start_only_the_outer_factor_is_free(context):
    start = drawn(context)
    own = [module for module in start.modules if module.layer == LAYER]
    assert start.size(LAYER) == sum(start.B[module.name].numel() for module in own)
    (found,) = measured(context, context.encoded[:2], start)
    assert found[LAYER].shape == (2, start.size(LAYER))
    moved = displaced(start)
    assert all(torch.equal(moved.A[m.name], start.A[m.name]) for m in own)
    assert moved.size(LAYER) == sum(moved.A[m.name].numel() + moved.B[m.name].numel() for m in own)


def test_the_midpoint_is_half_of_adams_straight_step(context):
    start, encoded = drawn(context), context.encoded[:6]
    plan = plan_batches(encoded, groups=1, batch_size=4)
    with measuring(context.checkpoint.model):
        middle = midpoint(context.checkpoint.model, encoded, plan, start, batch_size=3, time=0.2)
    (rows,) = measured(context, encoded, start)
    tokens = np.array([e.num_completion_tokens for e in encoded])
    data = rows[LAYER].double().numpy()
    g = data.sum(0) / tokens.sum()
    v = g**2 + data.var(0) / 3 / tokens.mean() ** 2
    step = np.divide(-0.1 * g, np.sqrt(v), out=np.zeros_like(g), where=v > 0)
    expected = start.moved({LAYER: step})
    for module in start.modules:
        if module.layer == LAYER:
            for found, wanted in ((middle.A, expected.A), (middle.B, expected.B)):
                torch.testing.assert_close(
                    found[module.name], wanted[module.name], rtol=1e-3, atol=1e-5
                )
            assert torch.equal(middle.A[module.name], start.A[module.name])
            assert middle.B[module.name].abs().max() <= 0.1 + 1e-6


def test_the_tangent_at_the_midpoint_is_exact_for_the_product_of_two_factors():
    """And at an end it is not: the identity behind the midpoint."""
    rng = np.random.default_rng(0)
    A0, A1, B0, B1 = (rng.standard_normal(shape) for shape in ((2, 5), (2, 5), (4, 2), (4, 2)))
    moved = B1 @ A1 - B0 @ A0
    middle = (B1 - B0) @ (A0 + A1) / 2 + (B0 + B1) / 2 @ (A1 - A0)
    at_start = (B1 - B0) @ A0 + B0 @ (A1 - A0)
    assert middle == pytest.approx(moved, rel=1e-12)
    assert at_start != pytest.approx(moved, rel=0.1)


def test_sampled_gradients_average_to_zero(context):
    (found,) = measured(context, context.encoded[:1] * 150, displaced(drawn(context)), draws=(3,))
    rows = found[2].double().numpy()
    z = rows.mean(0) / (rows.std(0) / np.sqrt(len(rows)) + 1e-12)
    # The score has mean zero: about 5% of the coordinates beyond 2, none far beyond 5.
    assert np.mean(np.abs(z) > 2) < 0.15
    assert np.abs(z).max() < 6

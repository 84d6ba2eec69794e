"""LoRA's coordinates at the midpoint of a run, against peft and autograd."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from realmodel.finetuning import FinetuneOptions, target_modules
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.measure.tangent.midpoint import midpoint
from realmodel.model.adapter import adapted, adapter_parameters
from tests.realmodel.passed import passed

PROTOCOL = FinetuneOptions(rank=2, steps=10, batch_size=3)
LAYER = 1


def drawn(context):
    return LoraFactors.drawn(context.modules, PROTOCOL, seed=5)


def measured(context, encoded, factors, **options):
    """Rows of a layer: with the data's labels, and with drawn ones."""
    given = {"groups": 0, "batch_size": 3, "shard": (0, 1), "draws": 1} | options
    seen = passed(
        context.checkpoint, encoded, context.modules, protocol=PROTOCOL, factors=factors, **given
    )

    def rows(kind):
        own = [m.name for m in context.modules if m.layer == LAYER]
        return torch.cat([seen.sums[f"{kind}/{name}"] for name in own], dim=1)

    return rows("data"), rows("sampled")


def sizes(factors):
    return {m.name: sum(f[m.name].numel() for f in factors.free) for m in factors.modules}


def displaced(factors):
    rng = torch.Generator().manual_seed(0)
    steps = {name: 0.1 * torch.randn(p, generator=rng) for name, p in sizes(factors).items()}
    return factors.moved(steps)


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
    start = drawn(context)
    # Both factors are free once B has moved: at the start A has no gradient.
    factors = replace(start, B={name: B + 0.1 for name, B in start.B.items()})
    encoded = context.encoded[:4]
    found, _ = measured(context, encoded, displaced(factors))
    for row, example in enumerate(encoded):
        expected = by_autograd(context, example, displaced(factors))
        scale = float(np.abs(expected).max())
        assert found[row].numpy() == pytest.approx(expected, rel=1e-3, abs=1e-4 * scale)


def test_at_the_start_only_the_outer_factor_is_free(context):
    start = drawn(context)
    own = [module for module in start.modules if module.layer == LAYER]
    found, _ = measured(context, context.encoded[:2], start)
    assert found.shape == (2, sum(start.B[module.name].numel() for module in own))
    moved = displaced(start)
    assert all(torch.equal(moved.A[m.name], start.A[m.name]) for m in own)
    assert all(not torch.equal(moved.B[m.name], start.B[m.name]) for m in own)
    assert len(moved.free) == 2


def test_the_midpoint_is_half_of_adams_straight_step(context):
    start, encoded = drawn(context), context.encoded[:6]
    protocol = replace(PROTOCOL, batch_size=3, learning_rate=0.2, steps=1)  # time 0.2
    middle = midpoint(context.checkpoint, encoded, context.modules, protocol, start=start)
    data, _ = measured(context, encoded, start)
    # Rows lie in the order of the sequences, whatever the batches.
    tokens = np.array([e.num_completion_tokens for e in encoded])
    data = data.double().numpy()
    g = data.sum(0) / tokens.sum()
    v = g**2 + data.var(0) / 3 / tokens.mean() ** 2
    step = np.divide(-0.1 * g, np.sqrt(v), out=np.zeros_like(g), where=v > 0)
    own = [module for module in start.modules if module.layer == LAYER]
    at = 0
    for module in own:
        B = middle.B[module.name]
        wanted = step[at : at + B.numel()].reshape(B.shape)
        at += B.numel()
        np.testing.assert_allclose(B.numpy(), wanted, rtol=1e-3, atol=1e-5)
        assert torch.equal(middle.A[module.name], start.A[module.name])
        assert B.abs().max() <= 0.1 + 1e-6


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
    _, found = measured(context, context.encoded[:1] * 150, displaced(drawn(context)))
    rows = found.double().numpy()
    z = rows.mean(0) / (rows.std(0) / np.sqrt(len(rows)) + 1e-12)
    # The score has mean zero: about 5% of the coordinates beyond 2, none far beyond 5.
    assert np.mean(np.abs(z) > 2) < 0.15
    assert np.abs(z).max() < 6

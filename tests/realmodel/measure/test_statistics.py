"""Statistics against autograd, and everything that must not change them."""

from typing import Any

import numpy as np
import pytest
import torch

from realmodel.measure.statistics import collect_statistics, merge, running_sums
from realmodel.model.batches import EncodedExample
from realmodel.model.modules import find_modules
from realmodel.runs.memory_advice import memory_advice
from theory import InputError

TOLERANCE = 1e-10


def check_close(ours: Any, exact: Any, tolerance: float = TOLERANCE) -> None:
    error = np.linalg.norm(ours - exact) / np.linalg.norm(exact)
    assert error < tolerance, f"relative error {error:.3g}"


def check_same(ours: Any, other: Any, tolerance: float = TOLERANCE) -> None:
    for name in ours.names:
        check_close(ours.gradient[name], other.gradient[name], tolerance)
        check_close(ours.gamma[name], other.gamma[name], tolerance)
    for group in ours.input_groups:
        check_close(ours.sigma[group], other.sigma[group], tolerance)
    assert ours.tokens == other.tokens
    assert ours.positions == other.positions
    assert ours.loss == pytest.approx(other.loss, rel=1e-12)


def collect(model: Any, encoded: Any, **options: Any) -> Any:
    options = {"batch_size": 3, "groups": 4, "check_accuracy": False, **options}
    return collect_statistics(model, encoded, find_modules(model), **options)


def test_parity_with_autograd(model: Any, encoded: Any, reference: Any) -> None:
    ours = collect(model, encoded, output_moment="empirical")
    exact = reference(model, encoded, ours.modules)
    assert ours.tokens == exact.tokens
    assert ours.positions == sum(len(example.input_ids) for example in encoded)
    check_close(ours.loss, exact.loss().item() / exact.tokens)
    for module in ours.modules:
        check_close(ours.gradient[module.name], exact.gradient(module))
        check_close(ours.sigma[module.input_group], exact.sigma(module))
        check_close(ours.gamma[module.name], exact.gamma_empirical(module))


def test_check_fails_on_a_wrong_answer() -> None:
    with pytest.raises(AssertionError, match="relative error"):
        check_close(np.eye(2), 1.0001 * np.eye(2))


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 1},
        {"batch_size": 11, "padding_side": "left"},
        {"padding_side": "left"},
        {"partitions": 2},
        {"offload": "cpu"},
        {"gradient_checkpointing": True},
    ],
    ids=str,
)
def test_nothing_depends_on_how_it_is_computed(model: Any, encoded: Any, options: Any) -> None:
    check_same(collect(model, encoded, **options), collect(model, encoded))


def test_offload_to_disk(model: Any, encoded: Any, tmp_path: Any) -> None:
    ours = collect(model, encoded, offload="disk", partitions=2, work_dir=tmp_path)
    check_same(ours, collect(model, encoded))


def test_model_is_left_as_it_was(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    model.lm_head.weight.requires_grad_(False)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    collect(model, encoded, gradient_checkpointing=True)
    assert model.training
    assert not any(getattr(m, "gradient_checkpointing", False) for m in model.modules())
    assert not model.lm_head.weight.requires_grad
    assert model.transformer.h[0].attn.c_attn.weight.requires_grad
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_groups_add_up_and_halves_are_disjoint(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    ours = collect(model, encoded)
    even = collect(model, encoded[0::2], groups=1)
    name = ours.names[3]
    check_close(ours.half_gradients(name)[0], even.gradient[name])
    assert ours.group_sequences == (3, 3, 3, 2)
    check_close(ours.gradient_sums(name).sum(axis=0) / ours.tokens, ours.gradient[name])


def test_shards_merge_to_the_whole(model: Any, encoded: Any) -> None:
    shards = [collect(model, encoded, groups=2, shard=(i, 3)) for i in range(3)]
    whole = collect(model, encoded, groups=2)
    merged = merge(shards)
    check_same(merged, whole, 1e-13)
    assert merged.group_tokens == whole.group_tokens
    with pytest.raises(InputError, match="share sequences"):
        merge([shards[0], shards[0]])
    with pytest.raises(InputError, match="options differs"):
        merge([shards[0], collect(model, encoded, groups=2, shard=(1, 3), seed=1)])


def test_conv1d_equals_linear(make: Any, encoded: Any) -> None:
    conv, linear = make("gpt2"), make("gpt2")
    for layer in linear.transformer.h:
        for parent, child in ((layer.attn, "c_attn"), (layer.attn, "c_proj"), (layer.mlp, "c_fc")):
            old = getattr(parent, child)
            new = torch.nn.Linear(*old.weight.shape, dtype=torch.float64)
            new.weight.data, new.bias.data = old.weight.data.T.contiguous(), old.bias.data
            setattr(parent, child, new)
    ours, other = collect(conv, encoded), collect(linear, encoded)
    assert ours.modules[0].transposed
    assert not other.modules[0].transposed
    check_same(ours, other)


def test_sampled_output_moment_is_the_fisher_of_the_last_layer(make: Any) -> None:
    """On many draws Gamma tends to the exact E[(p - y)(p - y)'] seen through the head."""
    model = make("gpt2")
    example = EncodedExample((1, 2, 3, 4), (-100, 2, 3, 4), "")
    name = "transformer.h.1.mlp.c_proj"
    # Each copy draws its own labels.
    mean = collect(model, [example] * 800, groups=1, batch_size=200).gamma[name]
    # Position t feeds the logits of token t alone through the last residual addition.
    model.eval()
    hidden: list[torch.Tensor] = []
    handle = model.transformer.h[1].mlp.c_proj.register_forward_hook(
        lambda *arguments: hidden.append(arguments[2].retain_grad() or arguments[2])
    )
    logits = model(torch.tensor([example.input_ids])).logits[0, :-1]
    handle.remove()
    exact = np.zeros((8, 8))
    for t in range(3):
        p = torch.softmax(logits[t], dim=-1).detach()
        rows = []
        for v in range(len(p)):
            (grad,) = torch.autograd.grad(logits[t, v], hidden[0], retain_graph=True)
            rows.append(grad[0, t])
        B = torch.stack(rows).numpy()
        exact += B.T @ (np.diag(p) - np.outer(p, p)) @ B / 3
    error = np.linalg.norm(mean - exact) / np.linalg.norm(exact)
    assert error < 0.1  # 2,400 labels: about 2% per entry


def test_accuracy_is_part_of_the_result(make: Any, encoded: Any) -> None:
    ours = collect(make("qwen3").float(), encoded, check_accuracy=True)
    assert set(ours.accuracy["arithmetic"]) == {"sigma", "gamma", "gradient"}
    assert 1e-9 < ours.accuracy["arithmetic"]["gradient"] < 1e-4
    assert ours.accuracy["accumulation"]["sigma"] < 1e-5


def test_bfloat16_model_accumulates_in_float32_or_better(make: Any, encoded: Any) -> None:
    model = make("gpt2").bfloat16()
    ours = collect(model, encoded, output_moment="empirical", check_accuracy=True)
    assert ours.sums["gradient/transformer.h.0.attn.c_attn"].dtype == torch.float32
    assert ours.sums["sigma/transformer.h.0.attn.c_attn"].dtype == torch.float64
    assert ours.accuracy["accumulation"]["gradient"] < 1e-5


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"partitions": 3}, "partitions 3: choose 1 to 2"),
        ({"groups": 12}, "groups 12: choose 1 to 11"),
        ({"batch_size": 0}, "batch size must be at least 1, got 0"),
        ({"offload": "disk"}, "needs a work folder"),
        ({"shard": (2, 2)}, "shard 2 of 2"),
    ],
)
def test_options_out_of_range(make: Any, encoded: Any, options: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        collect(make("gpt2"), encoded, **options)


def test_empty_input_and_weights_that_are_not_finite(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    with pytest.raises(InputError, match="0 sequences"):
        collect(model, [])
    model.transformer.h[0].mlp.c_fc.weight.data[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"the loss of sequences .* is nan"):
        collect(model, encoded)


def test_out_of_memory_names_the_options(make: Any, encoded: Any, monkeypatch: Any) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(running_sums, "add_gram", exhausted)
    with pytest.raises(InputError, match=r"try --batch-size 1, --partitions 4 .* --offload"):
        collect(make("gpt2"), encoded)
    message = "out of memory in the huge stage"
    with pytest.raises(InputError, match=message), memory_advice("huge", 1):
        torch.empty(1 << 60)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_equals_cpu_and_bfloat16_accumulates_in_float32(make: Any, encoded: Any) -> None:
    model = make("gpt2").float()
    on_cpu = collect(model, encoded, output_moment="empirical")
    on_gpu = collect(model.cuda(), encoded, output_moment="empirical")
    check_same(on_gpu, on_cpu, 1e-4)
    offloaded = collect(model, encoded, output_moment="empirical", offload="cpu")
    check_same(offloaded, on_gpu, 1e-4)
    half = collect(model.bfloat16(), encoded, output_moment="empirical", check_accuracy=True)
    assert half.sums["sigma/transformer.h.0.attn.c_attn"].dtype == torch.float32
    assert half.accuracy["accumulation"]["gradient"] < 1e-5

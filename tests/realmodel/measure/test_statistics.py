"""One pass against autograd, and everything that must not change it."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from realmodel.measure import head, lora_rows, moments
from realmodel.measure.head import Head
from realmodel.measure.measurement import merge
from realmodel.measure.random_subset import random_groups, random_subset
from realmodel.model.batches import Batch, EncodedExample, batches
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import find_modules
from realmodel.runs.memory_advice import memory_advice
from tests.realmodel.passed import passed
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
    if ours.options.protocol is not None:
        for name, kernel in ours.kernels.items():
            for item, value in vars(kernel).items():
                check_close(value, getattr(other.kernels[name], item), max(tolerance, 1e-8))


def collect(model: Any, encoded: Any, **options: Any) -> Any:
    return passed(model, encoded, find_modules(model), **{"batch_size": 3, "groups": 4, **options})


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
    protocol = FinetuneOptions(rank=2)
    ours = collect(model, encoded, protocol=protocol, tangent_samples=8, **options)
    check_same(ours, collect(model, encoded, protocol=protocol, tangent_samples=8))


def test_offload_to_disk(model: Any, encoded: Any, tmp_path: Any) -> None:
    protocol = FinetuneOptions(rank=2)
    where: Any = {"offload": "disk", "partitions": 2, "work_dir": tmp_path}
    ours = collect(model, encoded, protocol=protocol, **where)
    check_same(ours, collect(model, encoded, protocol=protocol))
    again = collect(model, encoded, protocol=protocol, **where)
    check_same(ours, again, 1e-15)


def test_many_rows_lie_in_a_mapped_file(
    make: Any, encoded: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    """That nobody sees and that is gone with the pass."""
    model, protocol = make("gpt2"), FinetuneOptions(rank=2)
    whole = collect(model, encoded, protocol=protocol)
    made: list[str] = []
    true = torch.from_file

    def counted(name: str, **options: Any) -> torch.Tensor:
        made.append(name)
        return true(name, **options)

    monkeypatch.setattr(torch, "from_file", counted)
    monkeypatch.setattr(lora_rows, "IN_MEMORY_BYTES", 0)
    mapped = collect(model, encoded, protocol=protocol, work_dir=tmp_path)
    check_same(mapped, whole)
    assert len(made) == 2 * len(whole.names)
    assert all(name.startswith(str(tmp_path)) for name in made)
    assert not any(Path(name).exists() for name in made)
    # And a second start continues from the saved rows.
    check_same(collect(model, encoded, protocol=protocol, work_dir=tmp_path), whole, 1e-15)


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
    label = random_groups(len(encoded), 4, seed=0)
    half = [example for example, group in zip(encoded, label, strict=True) if group % 2 == 0]
    even = collect(model, half, groups=1)
    name = ours.names[3]
    check_close(ours.half_gradients(name)[0], even.gradient[name])
    assert ours.group_sequences == (3, 3, 3, 2)
    assert label != random_groups(len(encoded), 4, seed=1)
    check_close(ours.gradient_sums(name).sum(axis=0) / ours.tokens, ours.gradient[name])


def test_shards_merge_to_the_whole(model: Any, encoded: Any) -> None:
    options: Any = {
        "groups": 2,
        "protocol": FinetuneOptions(rank=2),
        "tangent_samples": 9,
        "draws": 2,
    }
    shards = [collect(model, encoded, shard=(i, 3), **options) for i in range(3)]
    whole = collect(model, encoded, **options)
    merged = merge(shards)
    check_same(merged, whole, 1e-13)
    assert merged.group_tokens == whole.group_tokens
    with pytest.raises(InputError, match="2 of 3 shards were merged"):
        _ = merge(shards[:2]).kernels
    with pytest.raises(InputError, match="share sequences"):
        merge([shards[0], shards[0]])
    with pytest.raises(InputError, match="options differs"):
        merge([shards[0], collect(model, encoded, shard=(1, 3), seed=1, **options)])
    with pytest.raises(InputError, match="different data cannot be merged"):
        merge([shards[0], collect(model, encoded[1:], shard=(1, 3), **options)])


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
    mean = collect(model, [example] * 400, groups=1, batch_size=200, draws=2).gamma[name]
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


def test_float32_sums_are_close_to_float64(make: Any, encoded: Any) -> None:
    """Of the same float32 weights: what a pass loses is its own rounding."""
    rounded = make("gpt2").float()
    check_same_to(collect(rounded, encoded), collect(rounded.double(), encoded), 1e-5)


def check_same_to(ours: Any, other: Any, tolerance: float) -> None:
    for name in ours.names:
        check_close(ours.gradient[name], other.gradient[name], tolerance)
    for group in ours.input_groups:
        check_close(ours.sigma[group], other.sigma[group], tolerance)


def test_bfloat16_model_accumulates_in_float32_or_better(make: Any, encoded: Any) -> None:
    ours = collect(make("gpt2").bfloat16(), encoded, protocol=FinetuneOptions(rank=2), shard=(0, 1))
    name = "transformer.h.0.attn.c_attn"
    assert ours.sums[f"gradient/{name}"].dtype == torch.float32
    assert ours.sums[f"sigma/{name}"].dtype == torch.float64
    assert ours.sums[f"data/{name}"].dtype == torch.float32


def test_logits_scaled_behind_the_head_are_differentiated_there(make: Any, encoded: Any) -> None:
    """A head that does not give the model's own logits is not cut off."""
    plain, scaled = make("llama"), make("llama")
    batch = _batch(encoded[0])
    assert Head.of(plain.eval(), batch).weight is not None
    forward = scaled.forward

    def capped(*args: Any, **kwargs: Any) -> Any:
        out = forward(*args, **kwargs)
        out.logits = 2 * torch.tanh(out.logits / 2)
        return out

    capped.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    scaled.forward = capped
    assert Head.of(scaled.eval(), batch).weight is None
    ours = collect(scaled, encoded, output_moment="empirical")
    with torch.no_grad():
        assert float(scaled(torch.tensor([encoded[0].input_ids])).logits.abs().max()) <= 2
        total = sum(
            float(
                torch.nn.functional.cross_entropy(
                    scaled(torch.tensor([e.input_ids])).logits[0, :-1],
                    torch.tensor(e.labels[1:]),
                    reduction="sum",
                )
            )
            for e in encoded
        )
    assert ours.loss == pytest.approx(total / ours.tokens, rel=1e-9)
    assert float(np.linalg.norm(ours.gradient[ours.names[0]])) > 0


def _batch(example: EncodedExample) -> Batch:
    (batch,) = batches([example], batch_size=1, pad_id=0)
    return batch


def test_head_gradients_are_those_of_autograd_in_any_slices(monkeypatch: Any) -> None:
    rng = torch.Generator().manual_seed(0)
    W = torch.randn(7, 5, generator=rng, dtype=torch.float64)
    values = torch.randn(9, 5, generator=rng, dtype=torch.float64).requires_grad_()
    targets = torch.randint(7, (9,), generator=rng)
    uniform = torch.rand(3, 9, generator=rng, dtype=torch.float64)
    summed, whole = head.head_gradients(Head(W), values, targets, uniform)
    logits = values @ W.T
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    (exact,) = torch.autograd.grad(loss, values)
    assert summed == pytest.approx(loss.item(), rel=1e-12)
    check_close(whole[0].numpy(), exact.numpy())
    cumulative = torch.softmax(logits.detach(), dim=1).cumsum(dim=1)
    for draw in range(3):
        label = (cumulative < uniform[draw][:, None]).sum(dim=1)
        expected = (torch.softmax(logits.detach(), 1) - torch.eye(7).double()[label]) @ W
        check_close(whole[1 + draw].numpy(), expected.numpy())
    monkeypatch.setattr(head, "ELEMENTS", 14)
    _, sliced = head.head_gradients(Head(W), values, targets, uniform)
    for ours, other in zip(sliced, whole, strict=True):
        check_close(ours.numpy(), other.numpy(), 1e-14)
    _, behind = head.head_gradients(Head(), logits, targets, uniform)
    check_close((behind[2] @ W).numpy(), whole[2].numpy())


def test_subsets_are_random_and_nested() -> None:
    small, large = random_subset(1000, 50, 0), random_subset(1000, 100, 0)
    assert set(small) < set(large)
    assert list(small) == sorted(small)
    # A prefix would end at 50; of 50 random places of 1000 hardly any gap is shorter than 50.
    assert small[-1] > 800
    assert random_subset(1000, 50, 1) != small


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"partitions": 3}, "partitions 3: choose 1 to 2"),
        ({"groups": 12}, "groups 12: choose 0 to 11"),
        ({"groups": 0}, "no group of sequences and no protocol"),
        ({"draws": 0}, "draws must be at least 1, got 0"),
        ({"tangent_samples": 0}, "tangent_samples must be a whole number of at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
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

    monkeypatch.setattr(moments, "add_gram", exhausted)
    with pytest.raises(InputError, match=r"try a batch size of 1, 4 partitions .* offloading"):
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
    half = collect(model.bfloat16(), encoded, output_moment="empirical")
    assert half.sums["sigma/transformer.h.0.attn.c_attn"].dtype == torch.float32

"""Costs measured on a tiny model: exact where they can be, and the model left as it was."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from peft import LoraConfig

from realmodel.bench.costs import compare_costs, largest_error
from realmodel.costs.calibration import ROUNDS, calibrated_costs, random_batch
from realmodel.costs.checkpointing import Checkpointing, checkpointed
from realmodel.costs.counted import GRADIENT_BYTES, OPTIMISER_BYTES, counted_costs
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.live_steps import in_rounds, live_steps, median_interval, training_step
from realmodel.costs.peak_bytes import peak_bytes
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.lora_config import lora_config_arguments
from realmodel.model.modules import find_modules
from realmodel.model.peft_adapters import peft_adapters

CPU = torch.device("cpu")
KINDS = get_args(Checkpointing)


@pytest.mark.parametrize("kind", KINDS)
def test_calibration(gpt2_folder: Path, kind: Any) -> None:
    model = load_checkpoint(gpt2_folder).model
    modules = find_modules(model).modules
    batch = random_batch(model, 2, 32)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [parameter.requires_grad for parameter in model.parameters()]
    hooks = len(model.get_input_embeddings()._forward_hooks)
    generator = torch.random.get_rng_state()
    ticks: list[tuple[int, int]] = []
    costs = calibrated_costs(
        model,
        modules,
        batch,
        rank=2,
        gradient_checkpointing=kind,
        seconds=0.1,
        progress=lambda done, total: ticks.append((done, total)),
    )
    assert costs.calibrated
    assert (costs.tokens, costs.batch, costs.gradient_checkpointing) == (64, (2, 32), kind)
    peaks = 5  # the sixth placement serves the time's fit alone
    total = peaks + ROUNDS + 1
    assert ticks[: peaks + 1] == [(done, total) for done in range(1, peaks + 2)]
    assert ticks == sorted(ticks)
    assert ticks[-1] == (total, total)
    assert 0 <= costs.fixed_share <= 1
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert flags == [parameter.requires_grad for parameter in model.parameters()]
    assert hooks == len(model.get_input_embeddings()._forward_hooks)
    assert not any(module.training for module in model.modules())
    assert not any(getattr(m, "gradient_checkpointing", False) for m in model.modules())
    assert torch.equal(generator, torch.random.get_rng_state())
    assert model.config._attn_implementation == "eager"
    own = sum(2 * (m.in_features + m.out_features) for m in modules if m.layer == 0)
    assert set(costs.parameters.per_layer) == {float(own)}
    assert min(costs.memory.per_layer) >= OPTIMISER_BYTES * own
    # One residual stream in float32 for each layer that backward passes; none that it saves.
    stream = 4 * 64 * 16
    if kind == "none":
        assert costs.memory.per_depth >= stream
    assert costs.time.of([0]) >= costs.time.of([3])
    assert DeviceCosts.from_dict(costs.to_dict()) == costs


def test_bytes_of_other_placements(gpt2_folder: Path) -> None:
    """The peak is affine in depth and in the number of layers: no share is off by ten points."""
    model = load_checkpoint(gpt2_folder).model
    rows = compare_costs(
        model, random_batch(model, 4, 32), top=1, rank=2, seconds=0.1, rounds=2, kinds=KINDS
    )
    assert len(rows) == 4 * len(KINDS)
    assert {row.checkpointing for row in rows} == set(largest_error(rows)) == set(KINDS)
    assert all(abs(row.memory_predicted - row.memory_measured) < 0.1 for row in rows)
    assert all(row.time_low <= row.time_measured <= row.time_high for row in rows)


def test_a_slow_minute_does_not_change_the_shares() -> None:
    """Steps of 1, 2 and 4 seconds on a clock that runs at another rate in every round."""
    now, rates = [0.0], iter([1.0, 5.0, 1.0, 0.3, 2.0])
    ran: list[int] = []

    def step(at: int) -> None:
        if len(ran) % 3 == 0:
            rate[0] = next(rates)
        ran.append(at)
        now[0] += rate[0] * 2**at

    rate = [1.0]
    steps = [lambda at=at: step(at) for at in range(3)]
    done: list[int] = []
    times = in_rounds(steps, CPU, lambda: now[0], seconds=0.0, at_least=5, finished=done.append)
    assert done == [1, 2, 3, 4, 5]
    assert times.shape == (5, 3)
    np.testing.assert_allclose(times / times[:, [2]], [[0.25, 0.5, 1.0]] * 5)
    assert len({tuple(ran[at : at + 3]) for at in range(0, 15, 3)}) > 1  # in changing order
    assert median_interval(times[:, 0]) == (times[:, 0].min(), times[:, 0].max())


@pytest.mark.parametrize(("enough", "expected"), [(1, 1), (2, 2), (9, 4)])
def test_rounds_end_when_they_are_settled(enough: int, expected: int) -> None:
    """Steps longer than the time there is: as many rounds as it takes, and at most four."""
    now, asked = [0.0], list[int]()

    def step() -> None:
        now[0] += 1.0

    def settled(rounds: Any) -> bool:
        asked.append(len(rounds))
        return len(rounds) >= enough

    times = in_rounds([step], CPU, lambda: now[0], seconds=0.5, at_least=4, settled=settled)
    assert times.shape == (expected, 1)
    assert asked == list(range(1, min(enough, 3) + 1))


def test_a_step_begins_with_the_state_of_adamw(gpt2_folder: Path) -> None:
    """Its first step holds no more than its second, and moves nothing."""
    model = load_checkpoint(gpt2_folder).model
    with peft_adapters(model, adapters_on(model, [0, 3])) as adapted:
        before = {name: value.clone() for name, value in adapted.state_dict().items()}
        step = training_step(adapted, random_batch(model, 2, 16))
        assert all(parameter.grad is None for parameter in adapted.parameters())
        assert peak_bytes(step, CPU) == peak_bytes(step, CPU)
        assert all(torch.equal(before[name], value) for name, value in adapted.state_dict().items())


def test_steps_share_the_weights(gpt2_folder: Path) -> None:
    model = load_checkpoint(gpt2_folder).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modules = find_modules(model).modules
    seen: list[int] = []
    hook = model.register_forward_hook(lambda *call: seen.append(1))
    batch = random_batch(model, 2, 8)
    with live_steps(model, [modules[:1], modules], batch, rank=2, kind="none") as steps:
        for step in (*steps, *steps):
            step()
    hook.remove()
    assert not seen or len(seen) == 4  # the copies ran, if with the model's own hooks
    assert not any(hasattr(m, "lora_A") for m in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


def adapters_on(model: Any, layers: list[int]) -> LoraConfig:
    return LoraConfig(**lora_config_arguments(layers, find_modules(model).modules, 2))


def operations(model: Any, kind: Any, layers: list[int], *, gradients: bool = False) -> int:
    """Floating-point operations of one step, by torch's own count."""
    from torch.utils.flop_counter import FlopCounterMode

    with (
        peft_adapters(model, adapters_on(model, layers)) as adapted,
        checkpointed(model, kind),
    ):
        if gradients:
            model.enable_input_require_grads()
        step = training_step(adapted, random_batch(model, 2, 32))
        with FlopCounterMode(display=False) as counter:
            step()
        return int(counter.get_total_flops())


def test_what_brings_the_saving_back(gpt2_folder: Path) -> None:
    """The highest layer against the lowest, by kind and by the embeddings' gradient."""
    model = load_checkpoint(gpt2_folder).model
    plain = [operations(model, "none", [at]) for at in (3, 0)]
    free = [operations(model, "non-reentrant", [at]) for at in (3, 0)]
    assert plain[0] < 0.7 * plain[1]
    assert free[0] < 0.6 * free[1]
    for kind in ("reentrant", "non-reentrant"):
        bound = [operations(model, kind, [at], gradients=True) for at in (3, 0)]
        assert bound[0] > 0.9 * bound[1]


def test_checkpointing_changes_no_gradient(gpt2_folder: Path) -> None:
    model = load_checkpoint(gpt2_folder, dtype="float64").model
    batch = random_batch(model, 2, 32)
    found = []
    for kind in KINDS:
        with peft_adapters(model, adapters_on(model, [2])) as adapted:
            with torch.no_grad():
                for name, parameter in adapted.named_parameters():
                    if parameter.requires_grad:
                        generator = torch.Generator().manual_seed(len(name))
                        parameter.copy_(torch.randn(parameter.shape, generator=generator))
            with checkpointed(model, kind):
                adapted(**batch.inputs, labels=batch.labels, use_cache=False).loss.backward()
            found.append([p.grad.clone() for p in adapted.parameters() if p.grad is not None])
    eps = torch.finfo(torch.float32).eps  # peft keeps adapters in float32
    for other in found[1:]:
        assert len(other) == len(found[0]) > 0
        for one, two in zip(found[0], other, strict=True):
            assert (one - two).norm() <= 64 * eps * one.norm()


def test_peak_bytes_sees_what_is_recomputed(gpt2_folder: Path) -> None:
    """A recomputed block is part of the peak, which no hook on saved tensors sees."""
    hidden = torch.randn(256, 64, requires_grad=True)

    def block(x: torch.Tensor) -> torch.Tensor:
        for _ in range(20):
            x = torch.sin(x)
        return x

    def plain() -> None:
        block(hidden).sum().backward()

    def again() -> None:
        torch.utils.checkpoint.checkpoint(block, hidden, use_reentrant=False).sum().backward()

    size = 4 * 256 * 64
    assert peak_bytes(plain, CPU) >= 20 * size
    assert peak_bytes(again, CPU) >= 20 * size
    with torch.no_grad():
        assert peak_bytes(lambda: block(hidden), CPU) == 2 * size


def test_counted_costs_by_hand(gpt2_folder: Path) -> None:
    model = load_checkpoint(gpt2_folder).model
    modules = find_modules(model).modules
    costs = counted_costs(model, modules, rank=2, tokens=10)
    parameters = 2 * ((16 + 48) + (16 + 16) + (16 + 64) + (64 + 16))
    inputs, kept = 16 + 16 + 16 + 64, 16 + 16 + 16 + 64 + 2 * 4
    assert costs.parameters.per_layer == (float(parameters),) * 4
    assert costs.time.per_layer == (60.0 * parameters,) * 4
    assert costs.time.per_depth == 20.0 * 16 * (48 + 16 + 64 + 64)
    assert costs.memory.per_depth == 40.0 * inputs
    state = parameters * (OPTIMISER_BYTES + GRADIENT_BYTES)
    assert costs.memory.per_layer == (40.0 * kept + state,) * 4
    assert costs.unit("time") == "operations per step"
    assert costs.serving.of([0, 1]) == 4.0 * parameters

    again = counted_costs(model, modules, rank=2, tokens=10, gradient_checkpointing="non-reentrant")
    assert again.time.per_depth == 2 * costs.time.per_depth
    assert again.time.per_layer == (80.0 * parameters,) * 4
    assert again.memory.per_depth == 40.0 * 16
    assert again.memory.per_layer == (float(state),) * 4
    assert again.memory.base == costs.memory.base + 40.0 * (inputs + kept)
    # Computed again one layer at a time: the largest of them.
    fewer = counted_costs(
        model, modules[1:], rank=2, tokens=10, gradient_checkpointing="non-reentrant"
    )
    assert fewer.memory.base == again.memory.base
    bottom = counted_costs(model, modules, rank=2, tokens=10, gradient_checkpointing="reentrant")
    for kind in ("time", "memory"):
        assert bottom.of(kind).per_depth == 0
        assert bottom.of(kind).of([3]) == again.of(kind).of([0])
    assert replace(again, gradient_checkpointing="none").to_dict() != again.to_dict()

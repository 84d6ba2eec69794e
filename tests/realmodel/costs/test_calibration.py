"""Costs measured on a tiny model: exact where they can be, and the model left as it was."""

from pathlib import Path

import pytest
import torch

from realmodel.costs.calibration import (
    OPTIMISER_BYTES,
    calibrated_costs,
    counted_costs,
    random_batch,
)
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.modules import find_modules


def test_calibration(gpt2_folder: Path) -> None:
    model = load_checkpoint(gpt2_folder).model
    modules = find_modules(model).modules
    batch = random_batch(model, 64)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [parameter.requires_grad for parameter in model.parameters()]
    generator = torch.random.get_rng_state()
    ticks: list[int] = []
    costs = calibrated_costs(
        model, modules, batch, rank=2, seconds=0.1, progress=lambda: ticks.append(1)
    )
    assert costs.calibrated
    assert costs.tokens == 64
    assert len(ticks) == 6
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert flags == [parameter.requires_grad for parameter in model.parameters()]
    assert torch.equal(generator, torch.random.get_rng_state())
    assert model.config._attn_implementation == "eager"
    # Equal layers: the bytes kept are exactly affine in depth and in the number of layers.
    own = sum(2 * (m.in_features + m.out_features) for m in modules if m.layer == 0)
    assert set(costs.parameters.per_layer) == {float(own)}
    step = costs.memory.of([1]) - costs.memory.of([2])
    assert step == pytest.approx(costs.memory.per_depth)
    assert costs.memory.per_depth >= 4 * 64 * 16  # at least one residual stream in float32
    assert min(costs.memory.per_layer) > OPTIMISER_BYTES * own
    assert costs.time.of([0]) >= costs.time.of([3])


def test_counted_costs_by_hand(gpt2_folder: Path) -> None:
    model = load_checkpoint(gpt2_folder).model
    costs = counted_costs(model, find_modules(model).modules, rank=2, tokens=10)
    parameters = 2 * ((16 + 48) + (16 + 16) + (16 + 64) + (64 + 16))
    assert costs.parameters.per_layer == (float(parameters),) * 4
    assert costs.time.per_layer == (60.0 * parameters,) * 4
    assert costs.time.per_depth == 20.0 * 16 * (48 + 16 + 64 + 64)
    assert costs.unit("time") == "operations per step"
    assert costs.serving.of([0, 1]) == 4.0 * parameters

"""Costs of modules: of all of them those of the layers, and bytes against what a step needs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from realmodel.costs.checkpointing import CHECKPOINTING
from realmodel.costs.counted import OPTIMISER_BYTES, counted_costs
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.module_costs import module_costs, module_record
from realmodel.costs.serving import ENGINES, served_by
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.modules import AdaptedModule, find_modules


@pytest.fixture(scope="module")
def qwen3(qwen3_folder: Path) -> Any:
    return load_checkpoint(qwen3_folder).model


@pytest.fixture(scope="module")
def modules(qwen3: Any) -> tuple[AdaptedModule, ...]:
    return tuple(find_modules(qwen3).modules)


def counted(model: Any, modules: Any, **options: Any) -> DeviceCosts:
    return counted_costs(model, modules, rank=2, tokens=64, **options)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fixed", [0.0, 0.4, 1.0])
def test_modules_of_whole_layers_cost_what_the_layers_cost(
    qwen3: Any, modules: tuple[AdaptedModule, ...], engine: str, fixed: float
) -> None:
    for kind in CHECKPOINTING:
        costs = served_by(counted(qwen3, modules, gradient_checkpointing=kind), engine, modules)
        costs = replace(costs, fixed_share=fixed, calibrated=fixed == 1.0)
        layers = sorted({module.layer for module in modules})
        for chosen in (layers, layers[-1:], layers[:1]):
            positions = [layers.index(layer) for layer in chosen]
            inside = [at for at, module in enumerate(modules) if module.layer in chosen]
            whole = costs.record(positions)
            found = module_record(costs, modules, inside)
            if engine == "sglang" and chosen != layers:  # every module of the kinds is wrapped
                assert found.pop("serving") == pytest.approx(whole.pop("serving"))
            assert found == pytest.approx({name: whole[name] for name in found})


def test_what_is_shared(qwen3: Any, modules: tuple[AdaptedModule, ...]) -> None:
    """An input is kept once; an engine multiplies merged modules whole."""
    names = [module.name.split("layers.")[1] for module in modules]
    q, k, o = (names.index(f"1.self_attn.{name}_proj") for name in "qko")
    costs = counted(qwen3, modules)
    memory = module_costs(costs, modules, "memory")
    both = memory.of([q, k])
    held = 64 * 4 * modules[q].in_features
    assert memory.of([q]) + memory.of([k]) - both == pytest.approx(
        costs.memory.base + costs.memory.per_depth * len(costs.memory.per_layer[1:]) + held
    )
    assert memory.of([q, o]) > both  # another input
    again = module_costs(
        counted(qwen3, modules, gradient_checkpointing="non-reentrant"), modules, "memory"
    )
    assert not any(again.charges.values())
    for engine in ("vllm-targeted", "sglang"):
        served = module_costs(served_by(costs, engine, modules), modules, "serving")
        assert served.shared_alone
        assert served.of([q]) == served.of([q, k]) < served.of([q, o])
        depth = len({module.layer for module in modules})
        other = names.index("0.self_attn.v_proj")
        assert served.of([q, other]) == served.of([q]) * (2 if engine == "vllm-targeted" else 1)
        assert depth > 1
    hf = module_costs(replace(costs, calibrated=True), modules, "serving")
    assert hf.of([q]) == pytest.approx(costs.serving.per_layer[1] / 7)


@pytest.mark.parametrize("kind", CHECKPOINTING)
def test_bytes_of_modules_against_a_step(
    qwen3: Any, modules: tuple[AdaptedModule, ...], kind: Any
) -> None:
    """Shares of adapting every layer, for sets that no calibration ran.

    Backward is charged by whole layers, and stops within the lowest: it may be one too many.
    """
    from realmodel.costs.calibration import calibrated_costs, random_batch
    from realmodel.costs.live_steps import live_steps
    from realmodel.costs.peak_bytes import peak_bytes

    batch = random_batch(qwen3, 4, 32)
    costs = calibrated_costs(
        qwen3, modules, batch, rank=2, gradient_checkpointing=kind, seconds=0.1
    )
    layers = max(module.layer for module in modules)
    sets = {
        "q": [at for at, m in enumerate(modules) if m.kind.endswith("q_proj")],
        "attention": [at for at, m in enumerate(modules) if "self_attn" in m.kind],
        "down": [at for at, m in enumerate(modules) if m.kind.endswith("down_proj")],
        "two at the top": [
            at
            for at, m in enumerate(modules)
            if m.layer == layers and m.kind.endswith(("v_proj", "up_proj"))
        ],
        "all": list(range(len(modules))),
    }
    chosen = [[modules[at] for at in inside] for inside in sets.values()]
    with live_steps(qwen3, chosen, batch, rank=2, kind=kind) as steps:
        found = {}
        for (name, inside), step in zip(sets.items(), steps, strict=True):
            step()
            state = OPTIMISER_BYTES * module_costs(costs, modules, "parameters").of(inside)
            found[name] = peak_bytes(step, torch.device("cpu")) + state
    layer = costs.memory.per_depth / costs.everything("memory")
    for name, inside in sets.items():
        over = module_record(costs, modules, inside)["memory_share"] - found[name] / found["all"]
        assert -0.08 < over < 0.08 + layer, name

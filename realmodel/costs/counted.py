"""Costs counted from shapes, for a model that is not run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from realmodel.costs.adapter_cost import adapter_cost
from realmodel.costs.checkpointing import Checkpointing, checkpointing_kind
from realmodel.costs.device_costs import DeviceCosts
from realmodel.model.modules import AdaptedModule
from theory.choice.cost_model import CostModel

OPTIMISER_BYTES = 12
"""An adapter's float32 weight and AdamW's two moments: there from the first step to the last."""

GRADIENT_BYTES = 4


def counted_costs(
    model: Any,
    modules: Sequence[AdaptedModule],
    *,
    rank: int,
    tokens: int,
    gradient_checkpointing: Checkpointing = "none",
) -> DeviceCosts:
    """Operations instead of seconds, and bytes, from the shapes of modules and adapters.

    Attention scores, norms and activations are left out of the operations; the bytes that
    backward keeps in a frozen block are taken as the inputs of its linear maps. With
    checkpointing a block keeps its input alone, and its forward pass runs twice; the largest
    block is held once more. The reentrant kind treats every block so, whatever is adapted.

    Raises
    ------
    InputError
        If the kind of checkpointing is not known.
    """
    checkpointing_kind(gradient_checkpointing)
    table = by_layer(modules)
    total = sum(p.numel() for p in model.parameters())
    embedding = model.get_input_embeddings().weight.numel()
    linear = [sum(m.in_features * m.out_features for m in own) for own in table.values()]
    inputs = [{m.input_group: m.in_features for m in own} for own in table.values()]
    costs = [adapter_cost(own, rank) for own in table.values()]
    width = model.get_input_embeddings().weight.shape[1]
    again = gradient_checkpointing != "none"
    held = [4.0 * sum(group.values()) for group in inputs]
    once_more = max(h + c.kept_bytes for h, c in zip(held, costs, strict=True)) if again else 0.0
    time = CostModel(
        tuple(float(tokens * (c.forward_flops * (1 + again) + c.backward_flops)) for c in costs),
        base=2.0 * tokens * total,
        per_depth=2.0 * tokens * float(np.mean(linear)) * (1 + again),
    )
    state = [(OPTIMISER_BYTES + GRADIENT_BYTES) * c.parameters for c in costs]
    memory = CostModel(
        tuple(
            float(tokens * c.kept_bytes * (not again) + own)
            for c, own in zip(costs, state, strict=True)
        ),
        base=tokens * (4.0 * (embedding // width) + once_more),
        per_depth=tokens * (4.0 * width if again else float(np.mean(held))),
    )
    if gradient_checkpointing == "reentrant":
        time, memory = whole_depth(time), whole_depth(memory)
    return DeviceCosts(
        time=time,
        memory=memory,
        serving=CostModel(tuple(float(c.forward_flops) for c in costs)),
        parameters=CostModel(tuple(float(c.parameters) for c in costs)),
        rank=rank,
        tokens=tokens,
        calibrated=False,
        device="counted from shapes",
        gradient_checkpointing=gradient_checkpointing,
    )


def by_layer(modules: Sequence[AdaptedModule]) -> dict[int, list[AdaptedModule]]:
    """Modules of each layer, layers ascending."""
    table: dict[int, list[AdaptedModule]] = {}
    for module in sorted(modules, key=lambda module: module.layer):
        table.setdefault(module.layer, []).append(module)
    return table


def whole_depth(cost: CostModel) -> CostModel:
    """The cost where backward always runs to the bottom."""
    depth = len(cost.per_layer)
    return CostModel(cost.per_layer, base=cost.base + depth * cost.per_depth)

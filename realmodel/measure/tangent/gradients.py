"""Gradients in the coordinates of LoRA's factors, sequence by sequence."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from realmodel.measure.statistics.capture import captured
from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.measure.statistics.plan import PlannedBatch
from realmodel.measure.statistics.sampled_labels import sampled_labels
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.model.batches import Batch, EncodedExample
from realmodel.model.modules import AdaptedModule
from realmodel.runs import processes

Rows = dict[int, torch.Tensor]
"""By layer (n, p), float32 on the host: a row per sequence, a column per coordinate."""


def batch_gradients(
    model: Any, batch: Batch, factors: LoraFactors, *, draws: Sequence[int | None] = (None,)
) -> list[Rows]:
    """Gradient of each sequence's summed loss in the coordinates of its layer's factors.

    The model keeps its own weights: a module with input ``x`` and output gradient ``g`` has
    ``dA = s B'g x'`` and ``dB = s g (A x)'``, which is where a step of the factors moves it to
    first order, wherever the factors are.

    Parameters
    ----------
    draws
        One result for each: with the data's labels (None), or with labels drawn from the model
        with a seed.
    """
    rows: dict[str, torch.Tensor] = {}
    both = len(factors.free) == 2

    def see(module: AdaptedModule, hidden: torch.Tensor, grad: torch.Tensor) -> None:
        wide = torch.promote_types(grad.dtype, torch.float32)
        x, g = hidden.to(grad.device, wide), grad.to(wide)
        A, B = factors.A[module.name].to(g), factors.B[module.name].to(g)
        own = torch.einsum("btm,btr->bmr", g, x @ A.T).flatten(1)
        if both:
            inner = torch.einsum("btr,btd->brd", g @ B, x).flatten(1)
            own = torch.cat([inner, own], dim=1)
        rows[module.name] = (factors.scaling * own).float().cpu()

    results: list[Rows] = []
    with captured(model, factors.modules, see):
        logits, targets = completion_logits(model, batch)
        for position, seed in enumerate(draws):
            labels = targets
            if seed is not None:
                labels = sampled_labels(logits, batch, batch.sequence_index, seed)
            loss = cross_entropy(logits, labels, reduction="sum")
            loss.backward(retain_graph=position + 1 < len(draws))
            results.append(
                {
                    layer: torch.cat(
                        [rows[m.name] for m in factors.modules if m.layer == layer], dim=1
                    )
                    for layer in factors.layers
                }
            )
    return results


def sequence_gradients(
    model: Any,
    encoded: Sequence[EncodedExample],
    plan: Sequence[PlannedBatch],
    factors: LoraFactors,
    *,
    draws: Sequence[int | None] = (None,),
    progress: Callable[[int], None] = lambda done: None,
) -> list[Rows]:
    """One result per draw, rows in the order of ``encoded``; see :func:`batch_gradients`.

    With several processes each measures the batches of its own plan and all get all rows.
    """
    results: list[Rows] = [
        {layer: torch.zeros(len(encoded), factors.size(layer)) for layer in factors.layers}
        for _ in draws
    ]
    for done, planned in enumerate(plan, start=1):
        batch = planned.padded(encoded, "right", model.device)
        for rows, found in zip(
            results, batch_gradients(model, batch, factors, draws=draws), strict=True
        ):
            for layer, values in found.items():
                rows[layer][list(planned.indices)] = values
        progress(done)
    if processes.active():
        processes.sum_over_processes(rows[layer] for rows in results for layer in factors.layers)
    return results

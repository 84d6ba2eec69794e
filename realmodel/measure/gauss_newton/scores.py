"""Derivatives of each sequence's loss along the directions, by one backward pass."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.statistics.capture import captured
from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.measure.statistics.sampled_labels import sampled_labels
from realmodel.model.batches import Batch
from realmodel.model.modules import AdaptedModule


def sequence_scores(
    model: Any, batch: Batch, directions: Directions, *, draws: Sequence[int | None] = (None,)
) -> tuple[list[torch.Tensor], float]:
    """Derivative of the summed loss of each sequence in the K coordinates: (b, K) float64.

    ``<grad, left right'> = sum_t (left . g_t)(right . h_t)``, so nothing of a weight's size is
    formed.

    Parameters
    ----------
    draws
        One result for each: for the data's labels (None), or for labels sampled from the model
        with a seed.

    Returns
    -------
    scores
        One tensor per draw.
    loss
        Summed loss of the batch with the data's labels, nats.
    """
    columns: dict[str, torch.Tensor] = {}
    mask = batch.attention_mask

    def see(module: AdaptedModule, hidden: torch.Tensor, grad: torch.Tensor) -> None:
        left = torch.from_numpy(directions.left[module.name]).to(grad)
        right = torch.from_numpy(directions.right[module.name]).to(hidden)
        terms = (grad @ left.T) * (hidden @ right.T)
        columns[module.name] = (terms.double() * mask.to(terms.device)[..., None]).sum(dim=1).cpu()

    with captured(model, directions.modules, see):
        logits, targets = completion_logits(model, batch)
        loss = cross_entropy(logits, targets, reduction="sum")
        results: list[torch.Tensor] = []
        for seed in draws:
            if seed is not None:
                labels = sampled_labels(logits, batch, batch.sequence_index, seed)
                drawn = cross_entropy(logits, labels, reduction="sum")
            else:
                drawn = loss
            drawn.backward(retain_graph=True)
            results.append(torch.cat([columns[m.name] for m in directions.modules], dim=1))
    return results, loss.item()

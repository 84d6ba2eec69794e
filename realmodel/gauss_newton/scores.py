"""Derivatives of each sequence's loss along the directions, by one backward pass."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from realmodel.architectures import AdaptedModule
from realmodel.batches import Batch
from realmodel.gauss_newton.directions import Directions
from realmodel.statistics.capture import captured
from realmodel.statistics.completion_logits import completion_logits


def sequence_scores(model: Any, batch: Batch, directions: Directions) -> tuple[torch.Tensor, float]:
    """Derivative of the summed loss of each sequence in the K coordinates, and the batch's loss.

    ``<grad, left right'> = sum_t (left . g_t)(right . h_t)``, so nothing of a weight's size is
    formed.

    Returns
    -------
    scores
        (b, K) float64.
    loss
        Summed over the batch, nats.
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
        loss.backward()
    return torch.cat([columns[m.name] for m in directions.modules], dim=1), loss.item()

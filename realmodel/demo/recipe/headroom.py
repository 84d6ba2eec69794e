"""How much the demo task leaves to learn: its loss before and after a short full fine-tune."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch

from realmodel.model.batches import EncodedExample, batches, completion_loss


@torch.no_grad()
def task_loss(model: Any, encoded: tuple[EncodedExample, ...], pad_id: int) -> float:
    """Mean nats per completion token."""
    model.eval()
    pairs = [
        completion_loss(model, batch) for batch in batches(encoded, batch_size=32, pad_id=pad_id)
    ]
    return float(sum(loss for loss, _ in pairs)) / sum(count for _, count in pairs)


def fine_tuned_loss(
    model: Any,
    train: tuple[EncodedExample, ...],
    heldout: tuple[EncodedExample, ...],
    pad_id: int,
    *,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    on_step: Callable[[int, float], None] | None = None,
) -> float:
    """Held-out loss after one epoch over ``train`` with all weights free; the model is kept."""
    tuned = deepcopy(model)
    tuned.train()
    optimiser = torch.optim.AdamW(tuned.parameters(), lr=learning_rate, weight_decay=0.0)
    for step, batch in enumerate(batches(train, batch_size=batch_size, pad_id=pad_id)):
        total, count = completion_loss(tuned, batch)
        optimiser.zero_grad(set_to_none=True)
        (total / count).backward()
        torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
        optimiser.step()
        if on_step is not None:
            on_step(step, float(total.detach()) / count)
    return task_loss(tuned, heldout, pad_id)

"""Next-token pretraining of a miniature model on packed prose."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class Schedule:
    """AdamW with linear warm-up and cosine decay to a tenth; one epoch, no text seen twice.

    Label smoothing keeps a model that reads little kinds of text from being certain about others:
    without it the task's loss before fine-tuning rises above that of a uniform guess.
    """

    steps: int = 1000
    batch_size: int = 6
    learning_rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.05
    label_smoothing: float = 0.1

    def rate(self, step: int) -> float:
        """Learning rate of a step counted from 0."""
        warm = min(1.0, (step + 1) / self.warmup)
        fraction = step / max(1, self.steps)
        return self.learning_rate * warm * (0.55 + 0.45 * math.cos(math.pi * fraction))


def pack(texts: Sequence[str], tokenizer: Any, window: int) -> torch.Tensor:
    """Texts end to end, an end-of-text between them, cut into rows of ``window`` tokens."""
    ids: list[int] = []
    for encoded in tokenizer(list(texts), verbose=False)["input_ids"]:
        ids += [*encoded, tokenizer.eos_token_id]
    rows = len(ids) // window
    return torch.tensor(ids[: rows * window], dtype=torch.int64).view(rows, window)


def predictions(model: Any, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, V) and the tokens (n,) that they are about."""
    logits = model(input_ids=rows, use_cache=False).logits[:, :-1].float()
    return logits.flatten(0, 1), rows[:, 1:].flatten()


@torch.no_grad()
def heldout_loss(model: Any, rows: torch.Tensor, batch_size: int = 32) -> float:
    """Mean nats per token over all rows, the model in evaluation mode."""
    model.eval()
    losses = [
        float(cross_entropy(*predictions(model, part))) * len(part)
        for part in rows.split(batch_size)
    ]
    return sum(losses) / len(rows)


def pretrain(
    model: Any, rows: torch.Tensor, schedule: Schedule, on_step: Callable[[int, float], None]
) -> None:
    """Train in place; ``on_step(step, loss)`` after each step, the loss without smoothing."""
    optimiser = torch.optim.AdamW(
        model.parameters(), betas=(0.9, 0.95), weight_decay=schedule.weight_decay
    )
    model.train()
    for step in range(schedule.steps):
        batch = rows[step * schedule.batch_size : (step + 1) * schedule.batch_size]
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        logits, targets = predictions(model, batch)
        loss = cross_entropy(logits, targets, label_smoothing=schedule.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        on_step(step, float(cross_entropy(logits.detach(), targets)))

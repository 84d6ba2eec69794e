"""The optimisation loop: AdamW on the adapters, resumable at any step."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from realmodel.finetuning.loss import trailing_loss
from realmodel.finetuning.saved_run import load_run, save_run
from realmodel.finetuning.schedule import batch_schedule
from realmodel.model.adapter import adapter_parameters
from realmodel.model.batches import EncodedExample, batches
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.not_finite import not_finite
from theory import InputError


@dataclass(frozen=True)
class Training:
    """What the loop did.

    Parameters
    ----------
    losses : tuple of float
        Nats per completion token of every step's batch, before the step.
    tokens : int
        Tokens (prompt and completion, no padding) that this process trained on.
    seconds : float
        Wall time of these steps.
    """

    losses: tuple[float, ...]
    tokens: int
    seconds: float


def train(
    peft_model: Any,
    encoded: Sequence[EncodedExample],
    options: FinetuneOptions,
    *,
    pad_id: int,
    folder: Path | None = None,
    save_every: int = 0,
    identity: Mapping[str, Any] | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Training:
    """Train the adapters in place.

    Nothing random happens after the adapters' initialisation: the batches are a function of
    the seed, and there is no dropout. So on one machine with one thread a resumed run is
    bit-identical to an uninterrupted one.

    Parameters
    ----------
    peft_model : peft.PeftModel
        In evaluation mode; its trainable parameters are the adapters.
    folder : Path, optional
        Where the state is kept; a state found there is continued.
    save_every : int
        Steps between two saves (0: at the end alone).
    identity : mapping, optional
        What a state must belong to; a state of anything else is refused.
    on_step : callable, optional
        Called with the number of steps done.

    Raises
    ------
    InputError
        When the loss stops being finite, or the state in ``folder`` does not fit.
    """
    parameters = adapter_parameters(peft_model)
    optimizer = torch.optim.AdamW(
        list(parameters.values()), lr=options.learning_rate, weight_decay=0.0
    )
    identity = identity or {}
    done, losses = 0, list[float]()
    if folder is not None:
        done, losses = load_run(
            folder, parameters=parameters, optimizer=optimizer, identity=identity
        )
    device = next(iter(parameters.values())).device
    schedule = batch_schedule(
        encoded, batch_size=options.batch_size, steps=options.steps, seed=options.seed
    )
    tokens = 0
    start = time.perf_counter()
    for step in range(done, options.steps):
        rows = [encoded[index] for index in schedule[step]]
        batch = next(batches(rows, batch_size=len(rows), pad_id=pad_id)).to(device)
        for group in optimizer.param_groups:
            group["lr"] = options.rate(step)
        loss, count = trailing_loss(peft_model, batch)
        losses.append(float(loss.detach()) / count)
        if not torch.isfinite(loss):
            if step == 0:  # the adapters do nothing yet
                raise not_finite(f"before any step the loss is {losses[-1]}", peft_model)
            raise diverged(f"the loss is {losses[-1]} at step {step + 1}", options)
        (loss / count).backward()
        torch.nn.utils.clip_grad_norm_(list(parameters.values()), options.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad()
        tokens += int(batch.attention_mask.sum())
        last = step + 1 == options.steps
        if folder is not None and (last or (save_every and (step + 1) % save_every == 0)):
            save_run(
                folder,
                step=step + 1,
                parameters=parameters,
                optimizer=optimizer,
                identity=identity,
                losses=losses,
            )
        if on_step is not None:
            on_step(step + 1)
    return Training(tuple(losses), tokens, time.perf_counter() - start)


def diverged(what: str, options: FinetuneOptions) -> InputError:
    """The refusal of a run whose loss has left the finite numbers."""
    return InputError(
        f"{what}; lower the learning rate (it is {options.learning_rate}), or where the model is "
        "in float16 load it in bfloat16 or float32"
    )

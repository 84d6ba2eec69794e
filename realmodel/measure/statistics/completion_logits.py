"""Logits of the completion tokens alone: the head never sees the prompt or the padding."""

from typing import Any

import torch

from realmodel.model.batches import IGNORED, Batch
from realmodel.model.forward import accepted
from realmodel.model.quiet import quiet


def completion_logits(
    model: Any, batch: Batch, *, right_padded: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, V), at least float32, and targets (n,) of the batch's completion tokens.

    Of a batch that is known to be padded on the right the tokens alone are passed: the causal mask
    hides the padding.
    """
    targets = batch.labels[:, 1:]
    wanted = targets != IGNORED
    columns = wanted.any(dim=0).nonzero().squeeze(1)
    # Chosen by index, not by a slice: behind a slice the head is multiplied as one copy of its
    # weight for each sequence.
    keep = accepted(model, logits_to_keep=columns)
    inputs = {"input_ids": batch.input_ids} if right_padded else batch.inputs
    with quiet():  # it advises a mask wherever there is padding
        logits = model(**accepted(model, **inputs, use_cache=False), **keep).logits
    if not keep:
        logits = logits[:, columns.to(logits.device)]
    targets, wanted = targets[:, columns], wanted[:, columns]
    logits = logits[wanted.to(logits.device)]
    # Half-precision logits lose the small differences that gradients are made of.
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    return logits, targets[wanted].to(logits.device)

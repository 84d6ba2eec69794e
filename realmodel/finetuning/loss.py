"""The loss of a right-padded batch, without the work that the prompt and the mask cost."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import torch

from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.model.batches import Batch, EncodedExample, batches
from realmodel.model.not_finite import not_finite


def trailing_loss(model: Any, batch: Batch) -> tuple[torch.Tensor, int]:
    """:func:`realmodel.model.batches.completion_loss` of a right-padded batch, faster.

    The causal mask already hides right padding, and the vocabulary is projected only at
    positions where some sequence of the batch has a completion token: on data with long prompts
    and small models these are a third of the arithmetic.

    Parameters
    ----------
    model : causal language model of transformers
        Called with ``logits_to_keep`` where it takes it.
    batch : Batch
        Padded on the right, on the model's device.

    Returns
    -------
    loss : Tensor, shape ()
        Sum over the completion tokens, nats.
    count : int
        Completion tokens.
    """
    logits, targets = completion_logits(model, batch, right_padded=True)
    loss = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")
    return loss, len(targets)


def heldout_loss(
    model: Any, encoded: Sequence[EncodedExample], *, batch_size: int, pad_id: int
) -> float:
    """Mean nats per completion token over all sequences, without gradients."""
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with torch.inference_mode():
        for batch in batches(encoded, batch_size=batch_size, pad_id=pad_id, by_length=True):
            loss, tokens = trailing_loss(model, batch.to(device))
            total += float(loss)
            count += tokens
    return total / count


def starting_loss(
    model: Any, encoded: Sequence[EncodedExample], *, batch_size: int, pad_id: int
) -> float:
    """:func:`heldout_loss` of a model before any step.

    Raises
    ------
    InputError
        When it is not finite: no training mends that.
    """
    loss = heldout_loss(model, encoded, batch_size=batch_size, pad_id=pad_id)
    if not isfinite(loss):
        raise not_finite(f"before any step the held-out loss is {loss}", model)
    return loss

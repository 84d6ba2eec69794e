"""From examples to padded batches, and the loss that everything else differentiates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch.nn.utils.rnn import pad_sequence

from realmodel.datasets import Example
from realmodel.model.forward import accepted
from realmodel.model.tokens import token_ids
from theory import InputError

IGNORED = -100
"""Label of a position that carries no loss (the prompt and the padding)."""

TooLong = Literal["error", "skip"]
"""What becomes of a sequence beyond the window: an error, or it is left out."""


@dataclass(frozen=True)
class EncodedExample:
    """Token ids of an example, and labels where it is trained.

    Parameters
    ----------
    input_ids : tuple of int
        Prompt, completion, end-of-sequence.
    labels : tuple of int
        ``input_ids`` on what carries loss, ``IGNORED`` elsewhere.
    id : str
        Of the example.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    id: str

    @property
    def num_completion_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(label != IGNORED for label in self.labels[1:])


@dataclass(frozen=True)
class Batch:
    """Padded sequences: int64 tensors of shape (n, t), ``sequence_index`` of shape (n,)."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    sequence_index: torch.Tensor

    @property
    def position_ids(self) -> torch.Tensor:
        """Positions counted over real tokens, so that left padding shifts nothing."""
        return (self.attention_mask.cumsum(-1) - 1).clamp(min=0)

    @property
    def inputs(self) -> dict[str, torch.Tensor]:
        """Keyword arguments of a causal language model's forward pass."""
        return {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "position_ids": self.position_ids,
        }

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on a device."""
        return Batch(
            self.input_ids.to(device),
            self.attention_mask.to(device),
            self.labels.to(device),
            self.sequence_index.to(device),
        )


def encode(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    max_length: int,
    too_long: TooLong = "error",
) -> tuple[EncodedExample, ...]:
    """Tokenise as the trainer does (:mod:`realmodel.model.tokens`), labels where loss is.

    Parameters
    ----------
    examples : sequence of Example
        What to encode.
    tokenizer : transformers tokenizer
        Special tokens that it puts before a text are kept; it must have an end of sequence.
    max_length : int
        The model's window in tokens.
    too_long : {"error", "skip"}
        What to do with a longer example: raise, or leave it out.

    Returns
    -------
    tuple of EncodedExample
        In the order given.

    Raises
    ------
    InputError
        When an example does not fit in the window and ``too_long`` is "error", when nothing
        is left, when the tokenizer has no end-of-sequence token, or as
        :func:`realmodel.model.tokens.token_ids`.
    """
    if tokenizer.eos_token_id is None:
        raise InputError("the tokenizer has no end-of-sequence token; set tokenizer.eos_token")
    encoded: list[EncodedExample] = []
    for example in examples:
        input_ids, trained = token_ids(example, tokenizer)
        if len(input_ids) > max_length:
            if too_long == "skip":
                continue
            raise InputError(
                f"example {example.id} has {len(input_ids)} tokens and the window is {max_length}; "
                "leave such examples out (too long: skip), or allow longer ones"
            )
        pairs = zip(input_ids, trained, strict=True)
        labels = tuple(token if kept else IGNORED for token, kept in pairs)
        encoded.append(EncodedExample(tuple(input_ids), labels, example.id))
    if not encoded:
        raise InputError(
            f"none of {len(examples)} examples fits in the window of {max_length} tokens"
        )
    return tuple(encoded)


def padding_id(tokenizer: Any) -> int:
    """The tokenizer's padding token, or its end of sequence (padding is masked everywhere).

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> padding_id(SimpleNamespace(pad_token_id=None, eos_token_id=2))
    2
    """
    pad = tokenizer.pad_token_id
    return int(tokenizer.eos_token_id if pad is None else pad)


def batches(
    encoded: Sequence[EncodedExample],
    *,
    batch_size: int,
    pad_id: int,
    padding_side: Literal["right", "left"] = "right",
    by_length: bool = False,
) -> Iterator[Batch]:
    """Pad consecutive examples into batches.

    Parameters
    ----------
    encoded : sequence of EncodedExample
        What to pad.
    batch_size : int
        Sequences per batch; the last batch may be smaller.
    pad_id : int
        Token of the padding; masked, and ignored by the loss.
    padding_side : {"right", "left"}
        Where the padding goes; no result depends on it.
    by_length : bool
        Batch examples of similar length, for less padding; ``sequence_index`` keeps the places.

    Yields
    ------
    Batch
        ``sequence_index`` holds the place of each sequence in ``encoded``.

    Raises
    ------
    InputError
        When ``batch_size`` is not positive.

    Examples
    --------
    >>> long = EncodedExample((5, 6, 7), (-100, 6, 7), "a")
    >>> short = EncodedExample((8, 9), (-100, 9), "b")
    >>> batch = next(batches((long, short), batch_size=2, pad_id=0, padding_side="left"))
    >>> batch.input_ids.tolist(), batch.position_ids.tolist()
    ([[5, 6, 7], [0, 8, 9]], [[0, 1, 2], [0, 0, 1]])
    """
    if batch_size < 1:
        raise InputError(f"batch size must be at least 1, got {batch_size}")
    order = list(range(len(encoded)))
    if by_length:
        order.sort(key=lambda index: len(encoded[index].input_ids))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        rows = [torch.tensor(encoded[index].input_ids, dtype=torch.int64) for index in chosen]
        labels = [torch.tensor(encoded[index].labels, dtype=torch.int64) for index in chosen]
        ones = [torch.ones_like(row) for row in rows]
        padded = partial(pad_sequence, batch_first=True, padding_side=padding_side)
        yield Batch(
            input_ids=padded(rows, padding_value=pad_id),
            attention_mask=padded(ones, padding_value=0),
            labels=padded(labels, padding_value=IGNORED),
            sequence_index=torch.tensor(chosen),
        )


def completion_loss(model: Any, batch: Batch) -> tuple[torch.Tensor, int]:
    """Summed negative log-likelihood of the completion tokens.

    Parameters
    ----------
    model : causal language model
        Called with ``batch.inputs``.
    batch : Batch
        On the model's device.

    Returns
    -------
    loss : Tensor, shape ()
        Sum in nats, at least float32; divide the total by the total count for the mean.
    count : int
        Completion tokens in the batch (the end of sequence counts).
    """
    logits = model(**accepted(model, **batch.inputs, use_cache=False)).logits[:, :-1]
    targets = batch.labels[:, 1:]
    # Half-precision logits lose the small differences that gradients are made of.
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return loss, int((targets != IGNORED).sum())

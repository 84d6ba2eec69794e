"""What can be known to be wrong before hours of measuring: data, tokenizer, batching, time."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from realmodel.card.estimate import StageEstimate
from realmodel.model.batches import IGNORED, EncodedExample, batches, completion_loss, padding_id
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.not_finite import not_finite
from realmodel.model.vocabulary import check_tokens, embedding_rows
from realmodel.runs.numbers import amount

LEAST_TRAINED = 0.05
"""Below this share of trained tokens most of the work goes into prompts."""

MOST_REPEATED, MOST_UNKNOWN = 0.01, 0.01
LONG = 600.0
"""Seconds above which an estimate is worth a warning."""

LEAST_VOCABULARY = 0.5
"""A tokenizer of fewer tokens than this share of the embedding is hardly the model's own."""


@dataclass(frozen=True)
class Preflight:
    """Counts of a data set as the model will see it, and what to worry about.

    Parameters
    ----------
    examples, left_out : int
        Sequences that are measured, and those that are too long.
    tokens, trained_tokens : int
        In all sequences, and those that carry loss.
    repeated : int
        Sequences that equal an earlier one.
    batching_difference : float
        Nats per token between a sequence alone and the same one in a padded batch.
    warnings : tuple of str
        One sentence each; empty when all is well.
    """

    examples: int
    left_out: int
    tokens: int
    trained_tokens: int
    repeated: int
    batching_difference: float
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return asdict(self) | {"warnings": list(self.warnings)}


def preflight(
    checkpoint: Checkpoint, encoded: Sequence[EncodedExample], *, left_out: int = 0
) -> Preflight:
    """Check encoded data against the checkpoint; two forward passes are all that runs.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model and its tokenizer.
    encoded : sequence of EncodedExample
        What will be measured.
    left_out : int
        How many examples were longer than the window.

    Raises
    ------
    InputError
        When a token lies beyond the model's embedding, or the loss is not finite.
    """
    rows = embedding_rows(checkpoint.model)
    check_tokens(encoded, rows)
    tokens = sum(len(example.input_ids) for example in encoded)
    trained = sum(example.num_completion_tokens for example in encoded)
    repeated = len(encoded) - len({(example.input_ids, example.labels) for example in encoded})
    difference = batching_difference(checkpoint, encoded)
    made = Preflight(len(encoded), left_out, tokens, trained, repeated, difference, ())
    found = (*data_warnings(made), *token_warnings(checkpoint, encoded, rows))
    # What rounding alone does to a mean of log-probabilities stays far below this.
    allowed = max(1e-3, 8 * torch.finfo(getattr(torch, checkpoint.dtype)).eps)
    if difference > allowed:
        found = (
            *found,
            f"the same sequence has another loss in a padded batch ({difference:.2g} nats per "
            "token): the model does not mask padding or mixes sequences; measure with one "
            "sequence per pass",
        )
    return replace(made, warnings=found)


def data_warnings(found: Preflight) -> Iterable[str]:
    """What the counts say."""
    if found.left_out:
        total = found.examples + found.left_out
        yield (
            f"{found.left_out} of {total} examples ({found.left_out / total:.1%}) are longer than "
            "the window and left out; a trainer would cut them"
        )
    if found.trained_tokens < LEAST_TRAINED * found.tokens:
        yield (
            f"only {found.trained_tokens / found.tokens:.1%} of the tokens are trained: most of "
            "the time goes into prompts"
        )
    if found.repeated > MOST_REPEATED * found.examples:
        yield (
            f"{found.repeated} of {found.examples} examples repeat an earlier one: errors that "
            "take examples as independent are too small"
        )


def token_warnings(
    checkpoint: Checkpoint, encoded: Sequence[EncodedExample], rows: int
) -> Iterable[str]:
    """What special tokens and the vocabulary say."""
    tokenizer = checkpoint.tokenizer
    begin = getattr(tokenizer, "bos_token_id", None)
    twice = sum(example.input_ids[:2] == (begin, begin) for example in encoded)
    if begin is not None and twice:
        yield f"{twice} of {len(encoded)} examples begin with two begin-of-sequence tokens"
    ends = end_tokens(checkpoint)
    if not any(ends.intersection(example.labels) for example in encoded):
        yield (
            f"no example trains an end of sequence ({tokenizer.eos_token!r}): a model trained "
            "on them does not learn to stop"
        )
    unknown = getattr(tokenizer, "unk_token_id", None)
    labels = [label for example in encoded for label in example.labels[1:] if label != IGNORED]
    # Some tokenizers name an end of text as unknown, which is none.
    share = labels.count(int(-1 if unknown is None or unknown in ends else unknown)) / len(labels)
    if share > MOST_UNKNOWN:
        yield (
            f"{share:.0%} of the trained tokens are unknown to the tokenizer "
            f"({tokenizer.unk_token!r}): is it this model's, and this language's?"
        )
    if len(tokenizer) < LEAST_VOCABULARY * rows:
        yield (
            f"the tokenizer has {len(tokenizer)} tokens and the model's embedding {rows} rows: is "
            "it this model's?"
        )


def end_tokens(checkpoint: Checkpoint) -> set[int]:
    """Every token that ends a generation, by the tokenizer and by the model."""
    configured = getattr(getattr(checkpoint.model, "generation_config", None), "eos_token_id", None)
    ids = configured if isinstance(configured, list) else [configured]
    return {token for token in (checkpoint.tokenizer.eos_token_id, *ids) if token is not None}


def time_warnings(stages: Sequence[StageEstimate]) -> Iterable[str]:
    """What the estimate says, when it is long.

    Examples
    --------
    >>> list(time_warnings([StageEstimate("statistics", 0.0, 7200.0, 10**9)]))
    ['expect about 2.0 h and 1 GB (within a factor of two); fewer examples take less']
    """
    seconds = sum(stage.seconds for stage in stages)
    if seconds > LONG:
        memory = amount(float(max(stage.memory for stage in stages)), "bytes")
        yield (
            f"expect about {seconds / 3600:.1f} h and {memory} (within a factor of two); fewer "
            "examples take less"
        )


def batching_difference(checkpoint: Checkpoint, encoded: Sequence[EncodedExample]) -> float:
    """Nats per token between the shortest sequence alone and beside the longest, padded.

    Raises
    ------
    InputError
        When the loss is not finite.
    """
    short = min(encoded, key=lambda example: len(example.input_ids))
    long = max(encoded, key=lambda example: len(example.input_ids))
    silent = EncodedExample(long.input_ids, (IGNORED,) * len(long.input_ids), long.id)
    losses: list[float] = []
    model = checkpoint.model
    device = model.get_input_embeddings().weight.device
    for rows in ((short,), (short, silent)):
        (batch,) = batches(rows, batch_size=2, pad_id=padding_id(checkpoint.tokenizer))
        with torch.inference_mode():
            loss, count = completion_loss(model, batch.to(device))
        losses.append(float(loss) / count)
        if not math.isfinite(losses[-1]):
            raise not_finite(f"{short.id}: the loss is {losses[-1]}", model)
    return abs(losses[1] - losses[0])

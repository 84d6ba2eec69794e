"""Sequences packed into rows of one length, as trainers do it to save padding."""

from collections.abc import Sequence

import torch

from realmodel.model.batches import IGNORED, Batch, EncodedExample
from theory import InputError


def check_rows(examples: Sequence[EncodedExample], length: int) -> None:
    """Refuse rows that do not hold every sequence.

    Raises
    ------
    InputError
        Naming the longest.
    """
    longest = max(examples, key=lambda example: len(example.input_ids))
    if len(longest.input_ids) > length:
        raise InputError(
            f"example {longest.id} has {len(longest.input_ids)} tokens, more than a packed row of "
            f"{length}: take longer rows"
        )


def check_window(length: int, window: int) -> None:
    """Refuse to measure rows beyond the model's window: their positions run on.

    Raises
    ------
    InputError
        Naming both.
    """
    if length > window:
        raise InputError(
            f"a packed row of {length} tokens exceeds the model's window of {window}, so its "
            "costs cannot be measured: take shorter rows, or count the costs"
        )


def packed(examples: Sequence[EncodedExample], length: int, *, pad_id: int) -> Batch:
    """The sequences in as few rows of ``length`` tokens as best-fit decreasing finds.

    The longest goes first, each into the fullest row that holds it; TRL's ``packing_strategy``
    ``bfd`` does the same. The batch is for measuring costs: attention runs over whole rows, and
    positions are not begun anew.

    Parameters
    ----------
    examples : sequence of EncodedExample
        The first label of each is ignored: nothing before it predicts it.
    length : int
        Tokens of a row.
    pad_id : int
        Of what the rows have left over, masked.

    Raises
    ------
    InputError
        A sequence that is longer than a row.

    Examples
    --------
    >>> rows = [EncodedExample((7,) * n, (7,) * n, "") for n in (2, 3, 3, 4)]
    >>> packed(rows, 6, pad_id=0).attention_mask.tolist()
    [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]
    """
    check_rows(examples, length)
    bins: list[list[EncodedExample]] = []
    left: list[int] = []
    for example in sorted(examples, key=lambda example: -len(example.input_ids)):
        size = len(example.input_ids)
        fitting = [at for at, room in enumerate(left) if room >= size]
        if not fitting:
            fitting = [len(bins)]
            bins.append([])
            left.append(length)
        at = min(fitting, key=left.__getitem__)
        bins[at].append(example)
        left[at] -= size
    ids = torch.full((len(bins), length), pad_id)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, held in enumerate(bins):
        tokens = [token for example in held for token in example.input_ids]
        kept = [label for example in held for label in (IGNORED, *example.labels[1:])]
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, : len(kept)] = torch.tensor(kept)
        mask[row, : len(tokens)] = 1
    return Batch(ids, mask, labels, torch.arange(len(bins)))

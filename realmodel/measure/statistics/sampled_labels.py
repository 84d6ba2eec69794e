"""Labels drawn from the model's own prediction, reproducible per sequence."""

import numpy as np
import torch

from realmodel.model.batches import IGNORED, Batch

ELEMENTS = 1 << 25
"""Largest temporary, in numbers."""


def sampled_labels(
    logits: torch.Tensor, batch: Batch, sequence_ids: torch.Tensor, seed: int
) -> torch.Tensor:
    """Draw one label per completion token from softmax(logits) by inverting its distribution.

    The uniform numbers of a sequence depend on ``seed`` and the sequence alone, so a batch's
    size, order and padding change nothing.

    Parameters
    ----------
    logits
        (n, V), rows as :func:`completion_logits` orders them.
    sequence_ids
        Place of each row of the batch in the whole data, (b,).
    """
    counts = (batch.labels[:, 1:] != IGNORED).sum(dim=1).tolist()
    uniform = np.concatenate(
        [
            np.random.Generator(np.random.Philox(key=[seed, sequence])).random(count)
            for sequence, count in zip(sequence_ids.tolist(), counts, strict=True)
        ]
    )
    points = torch.from_numpy(uniform).to(logits.device)
    rows = max(1, ELEMENTS // logits.shape[1])
    drawn: list[torch.Tensor] = []
    for part, chosen in zip(logits.detach().split(rows), points.split(rows), strict=True):
        cumulative = torch.softmax(part.double(), dim=-1).cumsum(dim=-1)
        place = torch.searchsorted(cumulative, chosen[:, None] * cumulative[:, -1:])
        drawn.append(place.squeeze(1))
    return torch.cat(drawn).clamp(max=logits.shape[1] - 1)

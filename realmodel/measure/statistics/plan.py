"""Which sequences go into which batch: fixed by the data and the options, never by timing."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import torch

from realmodel.model.batches import Batch, EncodedExample, batches


@dataclass(frozen=True)
class PlannedBatch:
    """Places (in the whole data) of the sequences of one batch, all of one group."""

    group: int
    indices: tuple[int, ...]

    def tokens(self, encoded: Sequence[EncodedExample]) -> int:
        """Completion tokens in it."""
        return sum(encoded[place].num_completion_tokens for place in self.indices)

    def padded(
        self, encoded: Sequence[EncodedExample], padding_side: str, device: torch.device | str
    ) -> Batch:
        """The batch itself; ``sequence_index`` holds the places in the whole data."""
        side = cast(Literal["right", "left"], padding_side)
        chosen = [encoded[index] for index in self.indices]
        # Padding is masked everywhere, so any token id serves.
        (batch,) = batches(chosen, batch_size=len(chosen), pad_id=0, padding_side=side)
        return replace(batch, sequence_index=torch.tensor(self.indices)).to(device)


def plan_batches(
    encoded: Sequence[EncodedExample],
    *,
    labels: Sequence[int],
    batch_size: int,
    shard: tuple[int, int] = (0, 1),
    among: Collection[int] | None = None,
) -> tuple[PlannedBatch, ...]:
    """Batches of one group each, sequences of similar length together.

    Sequence i belongs to group ``labels[i]``; shards take turns within each group, so that they
    hold all groups and add up. With ``among``, only these places take part.

    Examples
    --------
    >>> ten = [EncodedExample((1,) * (i + 2), (1,) * (i + 2), "") for i in range(10)]
    >>> half = [0, 1] * 5
    >>> [(b.group, b.indices) for b in plan_batches(ten, labels=half, batch_size=3)]
    [(0, (0, 2, 4)), (0, (6, 8)), (1, (1, 3, 5)), (1, (7, 9))]
    >>> [b.indices for b in plan_batches(ten, labels=half, batch_size=3, among={4, 5, 6})]
    [(4, 6), (5,)]
    """
    index, shards = shard
    plan: list[PlannedBatch] = []
    for group in range(max(labels, default=-1) + 1):
        own = [place for place, label in enumerate(labels) if label == group]
        members = [place for place in own[index::shards] if among is None or place in among]
        members.sort(key=lambda place: len(encoded[place].input_ids))
        for start in range(0, len(members), batch_size):
            plan.append(PlannedBatch(group, tuple(members[start : start + batch_size])))
    return tuple(plan)


def data_digest(encoded: Sequence[EncodedExample]) -> str:
    """Digest of tokens and labels, in order."""
    digest = hashlib.sha256()
    for example in encoded:
        row: Any = np.array([example.input_ids, example.labels], dtype=np.int64)
        digest.update(f"{row.shape}".encode())
        digest.update(row.tobytes())
    return f"sha256:{digest.hexdigest()}"

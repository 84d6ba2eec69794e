"""Time and memory of a card before it is measured."""

from collections.abc import Sequence
from typing import Any

import torch

from realmodel.card.options import CardOptions
from realmodel.measure.statistics.estimate import StageEstimate, estimate_stages, matrix_rate
from realmodel.measure.tangent.estimate import estimate_tangent
from realmodel.model.batches import EncodedExample
from realmodel.model.modules import find_modules


def expected_stages(
    model: Any,
    encoded: Sequence[EncodedExample],
    options: CardOptions,
    *,
    device: str,
    dtype: torch.dtype,
) -> tuple[StageEstimate, ...]:
    """Every stage's estimate, from operation counts and the measured rate of the device.

    Parameters
    ----------
    model
        The architecture is enough: see :func:`realmodel.model.checkpoint.empty_model`.
    device : str
        A torch device; ``auto`` is cuda where there is one.

    Returns
    -------
    tuple of StageEstimate
        Times within a factor of two; memory of the large arrays.
    """
    table = find_modules(model, options.modules)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    rate = matrix_rate(device, dtype)
    stages = estimate_stages(
        model,
        encoded,
        table,
        batch_size=options.batch_size,
        partitions=options.partitions,
        k=options.directions,
        curvature_sequences=options.curvature_samples,
        device=device,
        dtype=dtype,
        rate=rate,
    )
    sampled = encoded[: options.tangent_samples]
    if not sampled:
        return stages
    tangent = estimate_tangent(
        model,
        sampled,
        table.modules,
        rank=options.rank,
        rate=rate,
        partitions=options.partitions,
        dtype=dtype,
    )
    return (*stages, tangent)

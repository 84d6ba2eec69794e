"""Time and memory of a card before it is measured."""

from collections.abc import Sequence
from typing import Any

import torch

from realmodel.card.estimate import StageEstimate, estimate_stages
from realmodel.card.options import CardOptions
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
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    modules = find_modules(model, options.modules).modules
    return estimate_stages(model, encoded, modules, options, device=device, dtype=dtype)

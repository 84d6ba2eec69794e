"""One interface for every package that is compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from realmodel.measure.gauss_newton import Directions
from realmodel.model.batches import EncodedExample
from realmodel.model.modules import AdaptedModule


@dataclass(frozen=True)
class Work:
    """What every package is given.

    Attributes
    ----------
    model
        In evaluation mode, dropout zero.
    examples
        Padded on the right in batches of ``batch_size``.
    modules
        The linear maps to measure.
    directions
        One rank-1 perturbation per module, for curvature products.
    """

    model: Any
    examples: Sequence[EncodedExample]
    modules: Sequence[AdaptedModule]
    batch_size: int
    directions: Directions


@dataclass(frozen=True)
class Outcome:
    """What a package computed.

    Attributes
    ----------
    values
        Numbers that ours can be held against, by the names of ``Measurement.sums``.
    note
        What the package does differently, in one sentence.
    """

    values: Mapping[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    note: str = ""

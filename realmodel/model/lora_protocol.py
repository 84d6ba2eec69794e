"""The protocol of a fine-tuning run: everything but the model, the data and the placement."""

from dataclasses import asdict, dataclass
from typing import Any

from theory import InputError


@dataclass(frozen=True)
class FinetuneOptions:
    """LoRA with AdamW, a linear decay to zero, no dropout, no weight decay.

    Parameters
    ----------
    rank : int
        LoRA rank of every adapted module.
    alpha : float
        LoRA's numerator: the update is ``alpha / rank * B A``.
    learning_rate : float
        Of the first step; falls linearly to zero.
    steps : int
        Optimiser steps.
    batch_size : int
        Sequences a step, of similar length.
    heldout_batch_size : int
        Sequences a batch when the held-out loss is measured.
    max_gradient_norm : float
        Gradients are scaled down to this norm.
    seed : int
        Of the adapters' initialisation and of the order of the batches.

    Raises
    ------
    InputError
        When a number is not positive (the seed: negative).

    Examples
    --------
    >>> FinetuneOptions(steps=0)
    Traceback (most recent call last):
    ...
    theory.errors.InputError: steps must be positive, got 0
    """

    rank: int = 4
    alpha: float = 8.0
    learning_rate: float = 1e-2
    steps: int = 40
    batch_size: int = 8
    heldout_batch_size: int = 32
    max_gradient_norm: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name == "seed":
                if value < 0:
                    raise InputError(f"seed must not be negative, got {value}")
            elif not value > 0:
                raise InputError(f"{name.replace('_', ' ')} must be positive, got {value}")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from zero."""
        return self.learning_rate * (1 - step / self.steps)

    @property
    def time(self) -> float:
        """Sum of the learning rates: how far Adam can carry a coordinate.

        Examples
        --------
        >>> round(FinetuneOptions(learning_rate=0.01, steps=30).time, 6)
        0.155
        """
        return sum(self.rate(step) for step in range(self.steps))

    def to_json(self) -> dict[str, Any]:
        """A flat JSON object."""
        return asdict(self)

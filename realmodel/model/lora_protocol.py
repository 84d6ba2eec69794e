"""The protocol of a fine-tuning run: everything but the model, the data and the placement."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from theory import InputError
from theory.real_numbers import real_number

LARGEST: Final = {
    "rank": 65_536,
    "alpha": 1e6,
    "learning_rate": 100.0,
    "steps": 1_000_000,
    "batch_size": 65_536,
    "heldout_batch_size": 65_536,
    "max_gradient_norm": 1e12,
    "seed": 2**32 - 1,
}
"""What no run needs more of: beyond it is a slip, or hours and gigabytes before it shows."""

FIXED: Final = {"schedule": "linear", "optimizer": "adamw", "weight_decay": 0.0, "dropout": 0.0}
"""The part of the protocol that is not chosen, as it is recorded."""

PLANNED: Final = ("rank", "alpha", "learning_rate", "steps", "batch_size", "max_gradient_norm")
"""The part that a card and a placement carry: with another value a prediction is of another run."""


@dataclass(frozen=True)
class FinetuneOptions:
    """LoRA with AdamW, a linear decay to zero, no dropout, no weight decay.

    The defaults are the one protocol that a card predicts, a placement carries, ``finetune`` trains
    and ``compare`` compares. The learning rate suits a pretrained language model: at rank 8 a real
    one of 135 million parameters gained 1.17 of its 2.72 nats on E2E in 24 steps of 4 sequences.

    Parameters
    ----------
    rank : int
        LoRA rank of every adapted module that a placement gives no other.
    alpha : float
        LoRA's numerator: the update is ``alpha / rank * B A``. A module of another rank keeps this
        quotient.
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
        When a number is not positive (the seed: negative), not finite, larger than any run needs,
        or not whole where it counts something.

    Examples
    --------
    >>> FinetuneOptions(steps=0)
    Traceback (most recent call last):
    ...
    theory.errors.InputError: steps must be positive, got 0
    """

    rank: int = 8
    alpha: float = 16.0
    learning_rate: float = 1e-3
    steps: int = 100
    batch_size: int = 8
    heldout_batch_size: int = 32
    max_gradient_norm: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, name = getattr(self, field.name), field.name.replace("_", " ")
            if field.type is not int:
                real_number(value, name)
            elif type(value) is not int:
                raise InputError(f"{name} must be a whole number, got {value!r}")
            if field.name == "seed":
                if value < 0:
                    raise InputError(f"seed must not be negative, got {value}")
            elif not value > 0:
                raise InputError(f"{name} must be positive, got {value}")
            if value > (largest := LARGEST[field.name]):
                shown = f"{value:.6g}" if value < 1e300 else "more than 1e300"
                raise InputError(f"{name} must be at most {largest:g}, got {shown}")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from zero."""
        return self.learning_rate * (1 - step / self.steps)

    @property
    def time(self) -> float:
        """Sum of the learning rates: how far Adam can carry a coordinate.

        ``sum_{t < T} eta (1 - t/T) = eta (T + 1) / 2``.

        Examples
        --------
        >>> options = FinetuneOptions(learning_rate=0.01, steps=30)
        >>> round(options.time, 6), round(sum(map(options.rate, range(30))), 6)
        (0.155, 0.155)
        """
        return self.learning_rate * (self.steps + 1) / 2

    @property
    def title(self) -> str:
        """The run in words.

        Examples
        --------
        >>> FinetuneOptions().title
        '100 Adam steps of 8 sequences at learning rate 0.001, rank 8'
        """
        return (
            f"{self.steps} Adam steps of {self.batch_size} sequences at learning rate "
            f"{self.learning_rate:g}, rank {self.rank}"
        )

    def planned(self) -> dict[str, Any]:
        """What a card and a placement carry of the protocol, as JSON."""
        return {name: getattr(self, name) for name in PLANNED} | FIXED

    @classmethod
    def from_planned(cls, record: Mapping[str, Any], *, seed: int = 0) -> "FinetuneOptions":
        """Rebuild the protocol that a card or a placement carries.

        Raises
        ------
        InputError
            When a number is missing or out of range, or the run is of a kind that is not trained
            here (another schedule, optimiser, weight decay or dropout).

        Examples
        --------
        >>> FinetuneOptions.from_planned(FinetuneOptions(rank=4).planned()).rank
        4
        """
        for name, value in FIXED.items():
            if record.get(name, value) != value:
                raise InputError(
                    f"a run with {name.replace('_', ' ')} {record[name]!r} cannot be trained "
                    f"here: it is always {value!r}"
                )
        found = {name: record[name] for name in PLANNED if name in record}
        if missing := [name for name in PLANNED[:5] if name not in found]:
            raise InputError(f"the protocol lacks {', '.join(missing)}")
        for name, value in found.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"{name} of the protocol must be a number, got {value!r:.40}")
        return cls(**found, seed=seed)

    def differences(self, other: "FinetuneOptions") -> str | None:
        """Where another run departs from this one, in words; ``None`` where it is the same run.

        Examples
        --------
        >>> FinetuneOptions(steps=40).differences(FinetuneOptions(rank=4))
        'rank 4, not 8; steps 100, not 40'
        """
        found = [
            f"{name.replace('_', ' ')} {theirs:g}, not {own:g}"
            for name in PLANNED
            if (theirs := getattr(other, name)) != (own := getattr(self, name))
        ]
        return "; ".join(found) or None

    def to_dict(self) -> dict[str, Any]:
        """A flat JSON object."""
        return asdict(self)

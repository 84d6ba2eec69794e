"""How sequences pass through the model: what a user trades against time and memory."""

from dataclasses import dataclass
from typing import Literal, get_args

from theory import InputError
from theory.whole_numbers import whole_number

Offload = Literal["none", "cpu", "disk"]


@dataclass(frozen=True)
class PassOptions:
    """Options of :func:`realmodel.measure.one_pass.one_pass` that a card keeps.

    Parameters
    ----------
    batch_size : int
        Sequences per batch; no result depends on it beyond rounding.
    tangent_samples : int
        Sequences, drawn at random, that get a row and so the tangent model: 256 are enough for the
        order of placements.
    draws : int
        Times that labels are sampled from the model: one more backward pass each, and as many more
        rows. docs/benchmarks.md compares numbers of draws with the exact curvature. 0 where
        neither ``Gamma`` nor the tangent model is wanted.
    partitions : int
        Take the modules in this many groups of layers, one pass over the data each: less memory,
        more time.
    offload : {"none", "cpu", "disk"}
        Where the sums live: beside the weights, on the host, or in the work folder as soon as a
        partition is done.

    Raises
    ------
    InputError
        When a number is out of range, or there is no such place.

    Examples
    --------
    >>> PassOptions(batch_size=0)
    Traceback (most recent call last):
    ...
    theory.errors.InputError: batch_size must be a whole number of at least 1, not 0
    """

    batch_size: int = 8
    tangent_samples: int = 256
    draws: int = 1
    partitions: int = 1
    offload: Offload = "none"

    def __post_init__(self) -> None:
        """Check types and ranges."""
        least = {"batch_size": 1, "tangent_samples": 1, "partitions": 1, "draws": 0}
        for name, bound in least.items():
            object.__setattr__(self, name, whole_number(getattr(self, name), name, bound))
        if self.offload not in get_args(Offload):
            raise InputError(
                f"offload {self.offload!r}: choose one of {', '.join(get_args(Offload))}"
            )

"""Which sequences fit, and what becomes of a longer one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from realmodel.datasets import Example
from realmodel.model.batches import EncodedExample, encode
from realmodel.model.forward import window_of
from theory import InputError


@dataclass(frozen=True)
class Window:
    """Longest sequence that is measured or trained on.

    Parameters
    ----------
    max_length : int or None
        In tokens; the model's window by default.
    too_long : {"error", "skip"}
        What to do with a longer one: raise, or leave it out.

    Raises
    ------
    InputError
        When nothing of so short a sequence could be trained.

    Examples
    --------
    >>> Window(max_length=1)
    Traceback (most recent call last):
    ...
    theory.errors.InputError: max_length must be at least 2 tokens, got 1
    """

    max_length: int | None = None
    too_long: Literal["error", "skip"] = "error"

    def __post_init__(self) -> None:
        """Check the range."""
        if self.max_length is not None and self.max_length < 2:
            raise InputError(f"max_length must be at least 2 tokens, got {self.max_length}")

    def of(self, model: Any) -> int:
        """In tokens, for this model."""
        return window_of(model) if self.max_length is None else self.max_length

    def encoded(
        self, examples: Sequence[Example], model: Any, tokenizer: Any
    ) -> tuple[EncodedExample, ...]:
        """The examples as :func:`realmodel.model.batches.encode` gives them.

        Raises
        ------
        InputError
            Where that does.
        """
        return encode(examples, tokenizer, max_length=self.of(model), too_long=self.too_long)

"""Which sequences fit, and what becomes of a longer one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from realmodel.datasets import Example
from realmodel.model.batches import EncodedExample, TooLong, encode
from realmodel.model.forward import window_of
from theory import InputError
from theory.whole_numbers import whole_number


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
        When nothing of so short a sequence could be trained, or there is no such thing to do.

    Examples
    --------
    >>> Window(max_length=1)
    Traceback (most recent call last):
    ...
    theory.errors.InputError: max_length, in tokens, must be a whole number of at least 2, not 1
    """

    max_length: int | None = None
    too_long: TooLong = "error"

    def __post_init__(self) -> None:
        """Check them."""
        if self.max_length is not None:
            tokens = whole_number(self.max_length, "max_length, in tokens,", 2)
            object.__setattr__(self, "max_length", tokens)
        if self.too_long not in get_args(TooLong):
            raise InputError(
                f"too_long {self.too_long!r}: choose one of {', '.join(get_args(TooLong))}"
            )

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

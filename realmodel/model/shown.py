"""An encoded example for people: its text in parts, each trained or not."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from realmodel.model.batches import IGNORED, EncodedExample


@dataclass(frozen=True)
class Part:
    """Consecutive tokens that are all trained, or all not."""

    text: str
    trained: bool
    tokens: int


def parts(example: EncodedExample, tokenizer: Any) -> Iterator[Part]:
    """The example's text as the model reads it, special tokens included."""
    pairs = zip(example.input_ids, example.labels, strict=True)
    for trained, run in groupby(pairs, key=lambda pair: pair[1] != IGNORED):
        ids = [token for token, _ in run]
        yield Part(tokenizer.decode(ids, skip_special_tokens=False), trained, len(ids))


def printable(text: str, longest: int = 600) -> str:
    r"""A text that a terminal cannot be steered by, with its middle left out where it is long.

    Examples
    --------
    >>> printable("two\nlines"), printable("\x1b[31mred"), printable("a" * 20, longest=8)
    ('two\nlines', '\\x1b[31mred', 'aaaa [12 characters] aaaa')
    """
    shown = "".join(
        repr(mark)[1:-1] if mark not in "\n\t" and unicodedata.category(mark)[0] == "C" else mark
        for mark in text
    )
    if len(shown) <= longest:
        return shown
    half = longest // 2
    return f"{shown[:half]} [{len(shown) - 2 * half} characters] {shown[-half:]}"

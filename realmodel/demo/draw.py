"""Random choices from lists, and the few strings that both generators write alike."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def one(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of the choices.

    Examples
    --------
    >>> one(np.random.default_rng(0), "aaa")
    'a'
    """
    return choices[int(rng.integers(len(choices)))]


def some(rng: np.random.Generator, choices: Sequence[T], count: int) -> list[T]:
    """Distinct choices in random order.

    Examples
    --------
    >>> sorted(some(np.random.default_rng(0), "abc", 3))
    ['a', 'b', 'c']
    """
    return [choices[int(i)] for i in rng.choice(len(choices), size=count, replace=False)]


def listed(words: str) -> tuple[str, ...]:
    """The words or phrases of a comma-separated text.

    Examples
    --------
    >>> listed("old mill, round tower")
    ('old mill', 'round tower')
    """
    return tuple(word.strip() for word in words.split(","))


def clock(minutes: int) -> str:
    """Minutes after midnight as hh:mm, past midnight too.

    Examples
    --------
    >>> clock(24 * 60 + 65)
    '01:05'
    """
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"

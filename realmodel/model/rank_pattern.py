"""Ranks that differ between modules, as peft's configuration takes them."""

from collections.abc import Mapping
from typing import Any


def rank_pattern(ranks: Mapping[str, int], scaling: float) -> dict[str, Any]:
    """``r``, ``lora_alpha`` and the two patterns of ``peft.LoraConfig`` for these ranks.

    ``r`` is the largest rank: a server that reads nothing else (vLLM's ``max_lora_rank``) then
    makes room for every module. The patterns name the modules below it, and keep
    ``alpha / rank`` the same in all of them, so that a module's scale does not move with its rank.

    Parameters
    ----------
    ranks : mapping of str to int
        Rank by full module name, each at least 1; not empty.
    scaling : float
        ``alpha / rank``.

    Examples
    --------
    >>> rank_pattern({"h.1.fc": 8, "h.3.fc": 2}, 2.0)
    {'r': 8, 'lora_alpha': 16, 'rank_pattern': {'h.3.fc': 2}, 'alpha_pattern': {'h.3.fc': 4}}
    """
    largest = max(ranks.values())
    smaller = {name: rank for name, rank in ranks.items() if rank < largest}
    return {
        "r": largest,
        "lora_alpha": _whole(scaling * largest),
        "rank_pattern": smaller,
        "alpha_pattern": {name: _whole(scaling * rank) for name, rank in smaller.items()},
    }


def _whole(value: float) -> int | float:
    """An integer where it is one, up to the rounding of ``alpha / rank * rank``."""
    nearest = round(value)
    return nearest if abs(value - nearest) <= 4e-16 * abs(value) else value

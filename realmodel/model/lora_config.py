"""A placement as the arguments of ``peft.LoraConfig``, with full module names."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from realmodel.model.modules import AdaptedModule
from theory import InputError


def lora_config_arguments(
    layers: Iterable[int],
    modules: Iterable[AdaptedModule],
    rank: int,
    alpha: float | None = None,
    *,
    ranks: Mapping[str, int] | None = None,
    dropout: float = 0.0,
) -> dict[str, Any]:
    """Arguments of ``peft.LoraConfig`` that adapt every module of the chosen layers.

    Full module names are the safe export: ``layers_to_transform`` ignores indices that do not
    exist, and a short pattern may match a neighbour.

    Parameters
    ----------
    layers : iterable of int
        Block indices.
    modules : iterable of AdaptedModule
        All modules of the model that can be adapted.
    rank : int
        LoRA rank of every module that ``ranks`` does not name.
    alpha : float, optional
        ``lora_alpha``; twice the rank by default.
    ranks : mapping of str to int, optional
        Rank by full module name; 0 leaves the module out. ``r`` becomes the largest rank and
        every module keeps ``alpha / rank`` (:func:`rank_pattern`).
    dropout : float
        ``lora_dropout``.

    Returns
    -------
    dict
        JSON types only; ``peft.LoraConfig(**result)`` works.

    Raises
    ------
    InputError
        If no module is left, a layer has none, a rank is not at least 1, or ``ranks`` names a
        module outside the placement.

    Examples
    --------
    >>> table = [AdaptedModule(f"h.{i}.fc", i, "fc", 8, 8, f"h.{i}.fc", False) for i in range(4)]
    >>> chosen = lora_config_arguments([1, 3], table, rank=8, ranks={"h.3.fc": 2})
    >>> chosen["target_modules"], chosen["r"], chosen["rank_pattern"], chosen["alpha_pattern"]
    (['h.1.fc', 'h.3.fc'], 8, {'h.3.fc': 2}, {'h.3.fc': 4})
    """
    wanted = sorted(set(layers))
    alpha = 2.0 * rank if alpha is None else float(alpha)
    if rank < 1 or not 0 < alpha < math.inf:
        raise InputError(f"rank {rank} must be at least 1 and alpha {alpha} positive and finite")
    table = list(modules)
    missing = [layer for layer in wanted if layer not in {module.layer for module in table}]
    if missing:
        known = sorted({module.layer for module in table})
        raise InputError(f"layers {missing} have no module to adapt; known layers: {known}")
    own = {module.name: rank for module in table if module.layer in wanted}
    for name, value in (ranks or {}).items():
        if name not in own:
            raise InputError(f"rank given for {name!r}, which is not in layers {wanted}")
        if value < 0:
            raise InputError(f"rank {value} of {name!r} must not be negative")
        own[name] = value
    own = {name: value for name, value in own.items() if value > 0}
    if not own:
        raise InputError(f"layers {wanted} leave no module to adapt")
    return rank_pattern(own, alpha / rank) | {
        "target_modules": list(own),
        "lora_dropout": float(dropout),
        "bias": "none",
        "fan_in_fan_out": any(module.transposed for module in table if module.name in own),
        "task_type": "CAUSAL_LM",
    }


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


def ranks_of(arguments: Mapping[str, Any]) -> dict[str, int]:
    """Rank by module name that a set of arguments asks for.

    Examples
    --------
    >>> ranks_of({"r": 8, "rank_pattern": {"h.0.fc": 2}, "target_modules": ["h.0.fc", "h.1.fc"]})
    {'h.0.fc': 2, 'h.1.fc': 8}
    """
    pattern: Mapping[str, int] = arguments["rank_pattern"]
    return {name: int(pattern.get(name, arguments["r"])) for name in arguments["target_modules"]}

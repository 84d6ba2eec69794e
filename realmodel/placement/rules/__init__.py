"""Ways to choose layers from a card's model, found by their file: one ``RULE`` each."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from realmodel.placement.rules.rule import Rule
from theory import InputError

__all__ = ["Rule", "rule", "rules"]

DEFAULT = "exact"


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule by its name, that of its file with hyphens.

    Examples
    --------
    >>> sorted(rules())
    ['exact', 'greedy', 'top-k']
    """
    found: dict[str, Rule] = {}
    for info in pkgutil.iter_modules(__path__):
        module = import_module(f"{__name__}.{info.name}")
        own = getattr(module, "RULE", None)
        if isinstance(own, Rule):
            found[info.name.replace("_", "-")] = own
    return MappingProxyType(found)


def rule(name: str) -> Rule:
    """The rule of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in rules():
        raise InputError(f"unknown rule {name!r}: choose one of {', '.join(sorted(rules()))}")
    return rules()[name]

"""Every result of ``docs/theory.md`` as an object; a new one is one file here."""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from theory import proofs, theorems
from theory.theorem import Theorem

__all__ = ["THEOREMS"]


def _order(id: str) -> tuple[int, str]:
    number = re.match(r"\d+", id)
    return (int(number.group()) if number else 0, id)


def _discover() -> Mapping[str, Theorem[Any]]:
    found: dict[str, Theorem[Any]] = {}
    for package in (theorems, proofs):
        for module in pkgutil.iter_modules(package.__path__):
            name = f"{package.__name__}.{module.name}"
            theorem: Theorem[Any] = importlib.import_module(name).THEOREM
            if theorem.id in found:
                raise RuntimeError(f"two theorems are numbered {theorem.id}: {module.name} is one")
            found[theorem.id] = theorem
    return MappingProxyType({id: found[id] for id in sorted(found, key=_order)})


THEOREMS: Mapping[str, Theorem[Any]] = _discover()

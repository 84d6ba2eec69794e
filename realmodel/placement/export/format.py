"""One way to write a placement down, and to read it back as its tool does."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from realmodel.placement.export.exported_placement import ExportedPlacement

Files = dict[str, str]


@dataclass(frozen=True)
class ExportFormat:
    """One way to write a placement.

    Parameters
    ----------
    name : str
        As the command line names it.
    needs : str
        The versions of the tool that read it, with ranks by module where it takes them.
    render : callable
        From a placement to file names and texts.
    read : callable or None
        From those files and the number of blocks back to arguments of ``peft.LoraConfig``, the way
        the tool reads them. ``None`` for a file that serves and trains nothing.
    """

    name: str
    needs: str
    render: Callable[[ExportedPlacement], Files]
    read: Callable[[Files, int], dict[str, Any]] | None


def assigned(text: str, name: str) -> Any:
    """The literal that a Python text assigns to a name; nothing of it runs.

    Examples
    --------
    >>> assigned("import os; MODEL = 'tiny'", "MODEL")
    'tiny'
    """
    return next(
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


def completed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a tool that says less than peft can: the rest is what it gives peft."""
    plain = {"rank_pattern": {}, "alpha_pattern": {}, "bias": "none", "task_type": "CAUSAL_LM"}
    return plain | dict(arguments)

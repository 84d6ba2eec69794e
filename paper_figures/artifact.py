"""Figures and tables, found by their file: one module each."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any, Literal

from matplotlib.figure import Figure

from paper_figures import figures, tables
from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.table import Table
from theory import InputError


@dataclass(frozen=True)
class Artifact:
    """One figure or table.

    Parameters
    ----------
    name : str
        Name of its module.
    kind : "figure" or "table"
        What it is.
    title : str
        First line of the module's docstring.
    caption : str
        What to read from it.
    inputs : callable
        Steps that it needs, for a preset.
    compute : callable
        From the data of these steps to the data that is drawn or tabulated.
    show : callable
        From that data to a Matplotlib figure or a :class:`Table`.
    """

    name: str
    kind: Literal["figure", "table"]
    title: str
    caption: str
    inputs: Callable[[Preset], dict[str, Step]]
    compute: Callable[..., Data]
    show: Callable[[Data], Figure | Table]

    def step(self, preset: Preset) -> Step:
        """The computation behind it."""
        return Step(f"{self.kind}-{self.name}", self.compute, needs=self.inputs(preset))


@cache
def artifacts() -> dict[str, Artifact]:
    """All figures, then all tables, by name."""
    found: dict[str, Artifact] = {}
    for package, kind, show in (
        (figures, "figure", attrgetter("plot")),
        (tables, "table", _tabulate),
    ):
        for info in pkgutil.iter_modules(package.__path__):
            module: Any = import_module(f"{package.__name__}.{info.name}")
            found[info.name] = Artifact(
                name=info.name,
                kind=kind,  # type: ignore[arg-type]
                title=module.__doc__.splitlines()[0].rstrip("."),
                caption=module.CAPTION,
                inputs=module.inputs,
                compute=module.compute,
                show=show(module),
            )
    return found


def _tabulate(module: Any) -> Callable[[Data], Table]:
    """Its own ``tabulate``, or its rows under its columns."""

    def under_columns(data: Data) -> Table:
        return Table(module.CAPTION, module.COLUMNS, tuple(data["rows"]))

    return getattr(module, "tabulate", under_columns)


def select(names: list[str]) -> tuple[Artifact, ...]:
    """The named artifacts, each once and in the order given, or all.

    Raises
    ------
    InputError
        If a name is unknown.

    Examples
    --------
    >>> [artifact.kind for artifact in select(["overview", "placements", "overview"])]
    ['figure', 'table']
    """
    known = artifacts()
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"unknown figure or table {unknown[0]!r}; choose from {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(known.values())

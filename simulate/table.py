"""A tidy table: one row for each observation, with its seed, its options and its versions."""

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from simulate.journal import Row
from theory import InputError
from theory.arrays import Array
from theory.read_json import read_json
from theory.whole_file import write_json


def versions() -> dict[str, str]:
    """Versions of everything that can change a number."""
    packages = {name: version(name) for name in ("layercard", "numpy", "scipy")}
    return {"python": platform.python_version(), "machine": platform.machine(), **packages}


Reduction = tuple[str, Callable[["Table"], float | int | str | None]]
"""What a number of some rows means, and how it follows from them."""


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Parameters
    ----------
    name, title
        What was done, as an identifier and in words.
    columns
        Meaning (and unit) of each column, in order.
    rows
        One mapping for each observation; a value that does not exist is None.
    seed
        Root seed of the rows.
    options
        What else the numbers depend on.
    versions
        See :func:`versions`.
    keys
        Columns that tell the rows of a grouped table apart.

    Raises
    ------
    InputError
        If a row has a column that is not named, or lacks one that is.

    Examples
    --------
    >>> table = Table("squares", "Squares", {"x": "", "y": ""}, ({"x": 2, "y": 4},), seed=0)
    >>> table.column("y").tolist()
    [4.0]
    """

    name: str
    title: str
    columns: Mapping[str, str]
    rows: tuple[Row, ...]
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=versions)
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if row.keys() != self.columns.keys():
                raise InputError(
                    f"a row of table {self.name!r} has columns {sorted(row)}, not "
                    f"{sorted(self.columns)}"
                )

    def column(self, name: str) -> Float64[Array, " n"]:
        """One numeric column; None becomes NaN."""
        return np.array([row[name] for row in self.rows], dtype=np.float64)

    def where(self, **values: Any) -> "Table":
        """The rows in which every named column has the given value."""
        rows = tuple(
            row for row in self.rows if all(row[name] == value for name, value in values.items())
        )
        return self._with(self.columns, rows)

    def values(self, name: str) -> list[Any]:
        """Distinct values of a column, in order of appearance."""
        return list(dict.fromkeys(row[name] for row in self.rows))

    def group(self, keys: Iterable[str], **reductions: Reduction) -> "Table":
        """One row for each combination of ``keys``, with (meaning, function) of its rows."""
        keys = tuple(keys)
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in self.rows:
            groups.setdefault(tuple(row[key] for key in keys), []).append(row)
        columns = {key: self.columns[key] for key in keys}
        columns |= {name: meaning for name, (meaning, _) in reductions.items()}
        rows: list[Row] = []
        for combination, members in groups.items():
            part = self._with(self.columns, tuple(members))
            reduced = {name: reduce(part) for name, (_, reduce) in reductions.items()}
            rows.append(dict(zip(keys, combination, strict=True)) | reduced)
        return replace(self._with(columns, tuple(rows)), keys=keys)

    def _with(self, columns: Mapping[str, str], rows: tuple[Row, ...]) -> "Table":
        return Table(self.name, self.title, columns, rows, self.seed, self.options, self.versions)

    def record(self) -> dict[str, Any]:
        """The whole table as JSON values."""
        return {
            "name": self.name,
            "title": self.title,
            "seed": self.seed,
            "options": dict(self.options),
            "versions": dict(self.versions),
            "columns": dict(self.columns),
            "rows": [dict(row) for row in self.rows],
        }

    def save(self, path: str | Path) -> None:
        """Write the record as JSON, whole or not at all."""
        write_json(path, self.record())

    @classmethod
    def load(cls, path: str | Path) -> "Table":
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file is missing or does not hold a table.
        """
        try:
            record: dict[str, Any] = read_json(path, "table")
            record["rows"] = tuple(record["rows"])
            return cls(**record)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} does not hold a table: {error}") from None


def statistic(
    meaning: str, reduce: Callable[[Array], Any], column: str, over: str | None = None
) -> Reduction:
    """For :meth:`Table.group`: a number of one column, or of its quotient by another.

    None, which JSON can hold, where the column has no values.

    Examples
    --------
    >>> rows = tuple({"k": 1, "x": x, "y": 2.0} for x in (1.0, 5.0))
    >>> table = Table("t", "T", {"k": "", "x": "", "y": ""}, rows, seed=0)
    >>> table.group(["k"], half=statistic("largest half", np.max, "x", over="y")).rows
    ({'k': 1, 'half': 2.5},)
    """

    def of(part: Table) -> float | None:
        values = part.column(column)
        return finite(float(reduce(values if over is None else values / part.column(over))))

    return meaning, of


def finite(value: float) -> float | None:
    """``value`` as a plain float; None, which JSON can hold, when it is infinite or undefined.

    Examples
    --------
    >>> finite(np.float64(0.5)), finite(np.inf), finite(np.nan)
    (0.5, None, None)
    """
    return float(value) if np.isfinite(value) else None

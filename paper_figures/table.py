"""A table and its three forms: Markdown and LaTeX to read, CSV to compute with."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from theory import InputError

MISSING = "\N{EN DASH}"
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    MISSING: "--",
    "±": r"$\pm$",
    "\N{GREEK SMALL LETTER RHO}": r"$\rho$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
}


@dataclass(frozen=True)
class Column:
    """One column: the key in the rows, the heading with its unit, how numbers are shown."""

    key: str
    heading: str
    number: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of JSON values under declared columns.

    Examples
    --------
    >>> table = Table("Costs.", (Column("k", "layers"), Column("t", "time (s)", ".1f")),
    ...     ({"k": 4, "t": 1.25}, {"k": 8, "t": None}))
    >>> print(table.to_markdown())
    | layers | time (s) |
    | ---: | ---: |
    | 4 | 1.2 |
    | 8 | – |
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[dict[str, Any], ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError(f"table {self.caption!r} has no rows: nothing was measured")
        keys = {column.key for column in self.columns}
        for row in self.rows:
            if missing := keys - row.keys():
                raise InputError(f"table {self.caption!r}: row {row!r} lacks {sorted(missing)}")

    def to_markdown(self) -> str:
        """GitHub Markdown, without the caption."""
        cells = [[cell.replace("|", r"\|") for cell in line] for line in self._cells()]
        rule = ["---:" if numeric else "---" for numeric in self._numeric()]
        return "\n".join("| " + " | ".join(line) + " |" for line in [cells[0], rule, *cells[1:]])

    def to_csv(self) -> str:
        """CSV with the keys as header and numbers in full precision; null is an empty cell."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        keys = [column.key for column in self.columns]
        writer.writerow(keys)
        writer.writerows(
            ["" if row[key] is None else row[key] for key in keys] for row in self.rows
        )
        return buffer.getvalue()

    def to_latex(self, label: str) -> str:
        """A ``table`` with booktabs rules."""
        head, *body = [[_escape(cell) for cell in line] for line in self._cells()]
        spec = "".join("r" if numeric else "l" for numeric in self._numeric())
        lines = [" & ".join(line) + r" \\" for line in body]
        return "\n".join(
            [
                r"% needs \usepackage{booktabs}",
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{_escape(self.caption)}}}",
                rf"\label{{tab:{label}}}",
                rf"\begin{{tabular}}{{{spec}}}",
                r"\toprule",
                " & ".join(head) + r" \\",
                r"\midrule",
                *lines,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def _cells(self) -> list[list[str]]:
        head = [column.heading for column in self.columns]
        return [head, *([_show(row[c.key], c.number) for c in self.columns] for row in self.rows)]

    def _numeric(self) -> list[bool]:
        return [
            all(isinstance(row[c.key], int | float | None) for row in self.rows)
            for c in self.columns
        ]


def _show(value: Any, number: str) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, number) if isinstance(value, int | float) else str(value)


def _escape(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)

"""Tables: the three forms agree, round trip, and refuse holes."""

import csv
import io

import pytest

from paper_figures.table import MISSING, Column, Table
from theory import InputError

ROWS = (
    {"name": "a|b_%", "gain": 1.23456789012345, "layers": 3},
    {"name": "c", "gain": None, "layers": 12},
)
TABLE = Table(
    "Gain & cost.",
    (Column("name", "name"), Column("gain", "gain (nats)", ".2f"), Column("layers", "layers")),
    ROWS,
)


def test_csv_round_trips_in_full_precision() -> None:
    rows = list(csv.DictReader(io.StringIO(TABLE.to_csv())))
    assert [row["name"] for row in rows] == ["a|b_%", "c"]
    assert float(rows[0]["gain"]) == ROWS[0]["gain"]
    assert rows[1]["gain"] == ""


def test_markdown_keeps_its_columns() -> None:
    head, rule, *body = TABLE.to_markdown().splitlines()
    assert head == "| name | gain (nats) | layers |"
    assert rule == "| --- | ---: | ---: |"
    assert body == [r"| a\|b_% | 1.23 | 3 |", f"| c | {MISSING} | 12 |"]


def test_latex_is_booktabs_and_escaped() -> None:
    text = TABLE.to_latex("costs")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert r"a|b\_\%" in text
    assert r"Gain \& cost." in text
    assert r"\begin{tabular}{lrr}" in text
    assert all(line.count("&") == 2 for line in text.splitlines() if line.endswith(r"\\"))


def test_no_rows_or_a_hole_is_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        Table("Empty.", TABLE.columns, ())
    with pytest.raises(InputError, match="lacks \\['gain'\\]"):
        Table("Hole.", TABLE.columns, ({"name": "x", "layers": 1},))

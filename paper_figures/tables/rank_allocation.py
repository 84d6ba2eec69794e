"""Rank allocation that is blind to coupling: what it loses as coupling grows."""

from typing import Any

import numpy as np

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.experiment import experiment
from paper_figures.table import Column

CAPTION = (
    "Rank allocation by singular values alone (optimal without coupling), 4 units of rank over 4 "
    "simulated layers, every allocation trained. Shares are of the best allocation's gain, mean ± "
    "standard error over worlds; the last column is the sum of single gains over the trained gain."
)
COLUMNS = (
    Column("coupling", "signed coupling", "+.2f"),
    Column("blind", "by singular values", ".1%"),
    Column("blind_error", "±", ".1%"),
    Column("even", "equal ranks", ".1%"),
    Column("average", "random allocation", ".1%"),
    Column("same_choice", "picks the best", ".0%"),
    Column("predicted", "predicted / trained", ".2f"),
    Column("worlds", "worlds"),
)


def inputs(preset: Preset) -> dict[str, Step]:
    """The simulator's sweep over coupling."""
    return {"sweep": experiment("rank_allocation", preset)}


def compute(sweep: Data) -> Data:
    """Mean shares at each sign and strength of the coupling."""
    points = sorted({row["sign"] * row["strength"] for row in sweep["rows"]})
    return {"rows": [_row(rho, sweep["rows"]) for rho in points]}


def _row(rho: float, rows: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [row for row in rows if row["sign"] * row["strength"] == rho]
    best = np.array([row["best"] for row in rows])
    shares = {
        name: np.array([row[column] for row in rows]) / best
        for name, column in (("blind", "trained"), ("even", "even"), ("average", "mean_of_all"))
    }
    root = np.sqrt(len(rows))
    return {
        "coupling": rho,
        **{name: float(share.mean()) for name, share in shares.items()},
        "blind_error": float(shares["blind"].std(ddof=1) / root),
        "same_choice": float(np.mean([row["ranks"] == row["best_ranks"] for row in rows])),
        "predicted": float(np.mean([row["predicted"] / row["trained"] for row in rows])),
        "worlds": len(rows),
    }

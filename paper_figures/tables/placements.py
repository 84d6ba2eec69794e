"""Placements by task: quality, time and memory at equal adapter size."""

import numpy as np

from paper_figures.figures.time_and_memory import ORDER
from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.tuning import tunings
from paper_figures.table import Column

CAPTION = (
    "Fine-tuning of common placements at equal adapter size. Gain: fall of the held-out loss, mean "
    "± standard deviation over runs (seeds; for random also three draws). Shares are of adapting "
    "every layer. Ours: the largest gain of the card's tangent model, by exact search."
)
COLUMNS = (
    Column("model", "model"),
    Column("task", "task"),
    Column("placement", "placement"),
    Column("layers", "layers"),
    Column("gain", "gain (nats/token)", ".4f"),
    Column("gain_sd", "± s.d.", ".4f"),
    Column("gain_share", "of all layers' gain", ".0%"),
    Column("time_share", "time", ".0%"),
    Column("memory_share", "memory", ".0%"),
    Column("runs", "runs"),
)


def inputs(preset: Preset) -> dict[str, Step]:
    """Runs of the first model on every task."""
    return tunings(preset, preset.models[0])


def compute(**measured: Data) -> Data:
    """One row for each task and placement."""
    return {"rows": [_row(item, name) for item in measured.values() for name in ("all", *ORDER)]}


def _row(item: Data, name: str) -> Data:
    whole = [row for row in item["rows"] if row["placement"] == "all"]
    rows = [row for row in item["rows"] if row["placement"].startswith(name)]
    layers = sorted({tuple(row["layers"]) for row in rows})
    row: Data = {
        "model": item["model"],
        "task": item["task"],
        "placement": name,
        "layers": "all" if name == "all" else "; ".join(" ".join(map(str, s)) for s in layers),
        "gain": float(np.mean([row["gain"] for row in rows])),
        "gain_sd": float(np.std([row["gain"] for row in rows], ddof=1)) if len(rows) > 1 else None,
        "runs": len(rows),
    }
    for key, column in (("gain", "gain"), ("time", "seconds"), ("memory", "memory_bytes")):
        share = np.mean([r[column] for r in rows]) / np.mean([r[column] for r in whole])
        row[f"{key}_share"] = float(share)
    return row

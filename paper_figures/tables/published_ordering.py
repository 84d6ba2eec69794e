"""The published placement results that are known, beside the order that is measured here."""

import numpy as np
from scipy.stats import rankdata, spearmanr

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.tuning import tunings
from paper_figures.table import Column, Table

CAPTION = (
    "The five published rows that are known (a secondary source; the metric is not named) beside "
    "our gains. Only the ORDER can be compared: ranks are 1 for the largest number, and the rank "
    "correlation is positive if placements with larger published numbers gain more here. Different "
    "models, tasks and sizes: agreement is not replication, disagreement not refutation."
)


def inputs(preset: Preset) -> dict[str, Step]:
    """Runs of the first model on every task."""
    return tunings(preset, preset.models[0])


def compute(**measured: Data) -> Data:
    """Mean gain over tasks of each published placement, and both orders."""
    from realmodel.evidence.published import PUBLISHED

    gains = {
        name: [
            float(np.mean([r["gain"] for r in item["rows"] if r["placement"].startswith(name)]))
            for item in measured.values()
        ]
        for name in PUBLISHED
    }
    published = {name: float(np.mean(values)) for name, values in PUBLISHED.items()}
    ours = {name: float(np.mean(values)) for name, values in gains.items()}
    rank = {
        key: dict(zip(means, rankdata([-v for v in means.values()]), strict=True))
        for key, means in (("published", published), ("ours", ours))
    }
    correlation = spearmanr(list(published.values()), list(ours.values())).statistic
    rows = [
        dict(zip(("dart", "e2e", "webnlg"), PUBLISHED[name], strict=True))
        | {
            "placement": name,
            "published_rank": float(rank["published"][name]),
            "gain": ours[name],
            "gain_rank": float(rank["ours"][name]),
        }
        for name in PUBLISHED
    ]
    first = next(iter(measured.values()))
    return {
        "rows": rows,
        "correlation": float(correlation),
        "model": first["model"],
        "tasks": [item["task"] for item in measured.values()],
    }


def tabulate(data: Data) -> Table:
    """Published numbers and rank, our mean gain and rank."""
    where = f"{data['model']} on {', '.join(data['tasks'])}"
    caption = f"{CAPTION} Here: {where}; rank correlation {data['correlation']:+.2f} (n = 5)."
    columns = (
        Column("placement", "placement"),
        Column("dart", "DART", ".3f"),
        Column("e2e", "E2E", ".3f"),
        Column("webnlg", "WebNLG", ".3f"),
        Column("published_rank", "rank", ".0f"),
        Column("gain", "our mean gain (nats/token)", ".4f"),
        Column("gain_rank", "rank", ".0f"),
    )
    return Table(caption, columns, tuple(data["rows"]))

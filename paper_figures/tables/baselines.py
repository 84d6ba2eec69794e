"""Every score against what fine-tuning gained: correlation, regret and cost."""

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.comparison import comparisons
from paper_figures.table import Column

CAPTION = (
    "Scores that choose layers against realised gains. Spearman correlation over placements drawn "
    "beforehand (95% bootstrap interval over placements) and over single layers; the placement "
    "that the score picks, its gain, and its regret against the best placement that was "
    "fine-tuned, as a share of the gain of all layers; wall time of the score."
)
COLUMNS = (
    Column("model", "model"),
    Column("task", "task"),
    Column("score", "score"),
    Column("placements", "correlation, placements", "+.2f"),
    Column("low", "from", "+.2f"),
    Column("high", "to", "+.2f"),
    Column("single_layers", "single layers", "+.2f"),
    Column("pick", "pick"),
    Column("pick_gain", "gain (nats/token)", ".4f"),
    Column("regret_share", "regret", ".1%"),
    Column("seconds", "cost (s)", ".1f"),
)


def inputs(preset: Preset) -> dict[str, Step]:
    """The preset's comparisons."""
    return comparisons(preset)


def compute(**measured: Data) -> Data:
    """One row for each comparison and score, best correlation first."""
    rows = [
        _row(item["model"], item["task"], summary)
        for item in measured.values()
        for summary in sorted(item["comparison"]["summaries"], key=_order)
    ]
    return {"rows": rows}


def _order(summary: Data) -> float:
    value = summary["sizes"][0]["placements"]["spearman"]
    return 2.0 if value is None else -value


def _row(model: str, task: str, summary: Data) -> Data:
    (of_size,) = summary["sizes"]
    low, high = of_size["placements"]["over_placements"] or (None, None)
    return {
        "model": model,
        "task": task,
        "score": summary["title"],
        "source": summary["source"],
        "placements": of_size["placements"]["spearman"],
        "low": low,
        "high": high,
        "single_layers": summary["single_layers"]["spearman"],
        "pick": " ".join(map(str, of_size["pick"])),
        "pick_gain": of_size["pick_gain"],
        "regret_share": of_size["regret_share"],
        "seconds": summary["seconds"],
    }

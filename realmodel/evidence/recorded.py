"""Comparisons as they were written, of any version, in today's form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theory import InputError
from theory.read_json import read_json

NEEDED = ("summaries", "runs", "loss_before", "all_gain")

UNKNOWN: Mapping[str, Any] = {
    "spearman": None,
    "over_seeds": None,
    "over_placements": None,
    "reason": "not asked by the version that wrote it",
}


def read_comparison(path: Path) -> dict[str, Any]:
    """A ``comparison.json``.

    The first version knew one size: ``placements``, ``pick``, ``pick_gain``, ``regret`` and
    ``regret_share`` stood in the summary itself, and a run's role was in its label.

    Raises
    ------
    InputError
        When it is missing, or is no comparison.
    """
    record = read_json(path, "comparison.json")
    try:
        if any(key not in record for key in NEEDED):
            raise KeyError(next(key for key in NEEDED if key not in record))
        if record.get("version", 1) > 1:
            return record
        return record | {
            "summaries": [_summary(row) for row in record["summaries"]],
            "runs": [run | {"role": _role(run["label"])} for run in record["runs"]],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{str(path)!r} is not a comparison.json: {error!r}") from error


def _summary(row: Mapping[str, Any]) -> dict[str, Any]:
    of_size = {"size": len(row.get("pick", ())), "placements": row["placements"]}
    of_size |= {key: row.get(key) for key in ("pick", "pick_gain", "regret")}
    of_size["regret_share"] = row["regret_share"]
    rest = {key: row.get(key) for key in ("name", "title", "source", "seconds")}
    rest["single_layers"] = row["single_layers"]
    return rest | {"sizes": [of_size], "all_sizes": UNKNOWN, "forecast": None}


def _role(label: str) -> str:
    if label == "all-layers":
        return "all"
    if label.startswith("pick of"):
        return "pick"
    return "single" if label.startswith("layer-") else "pool"

"""What each layer costs to train and to serve, and what depth alone costs."""

from dataclasses import replace
from typing import Any

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from paper_figures.table import Column

CAPTION = (
    "Cost of adapting one layer alone, by the model base + per-depth (L - lowest layer) + own "
    "cost: one training step, bytes kept for backward, trainable parameters, and what an unmerged "
    "adapter adds to a decoded token. Shares are of adapting every layer. Training is cheap at the "
    "top because backward stops at the lowest adapted layer; serving cost goes by the count."
)
COLUMNS = (
    Column("model", "model"),
    Column("layer", "layer"),
    Column("unit", "unit of time"),
    Column("time", "step time", ".3g"),
    Column("time_share", "share", ".0%"),
    Column("memory", "memory (bytes)", ".3g"),
    Column("memory_share", "share", ".0%"),
    Column("serving", "serving, per token", ".3g"),
    Column("serving_share", "share", ".0%"),
    Column("parameters", "parameters", ".3g"),
    Column("parameters_share", "share", ".0%"),
)


def inputs(preset: Preset) -> dict[str, Step]:
    """One card of each model: costs do not depend on the task."""
    return cards(replace(preset, data=preset.data[:1]), preset.models)


def compute(**measured: Data) -> Data:
    """One row for each model and layer, of the first card where several are given."""
    first = {item["model"]: item["card"] for item in reversed(measured.values())}
    return {"rows": [row for model in reversed(first) for row in _rows(model, first[model])]}


def _rows(model: str, card: Data) -> list[dict[str, Any]]:
    from realmodel.card import DeviceCosts

    costs = DeviceCosts.from_dict(card["costs"])
    return [
        {"model": model, "layer": layer["layer"], "unit": costs.unit("time")}
        | costs.record([position])
        for position, layer in enumerate(card["layers"])
    ]

"""What each card says of each layer."""

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from paper_figures.table import Column

CAPTION = (
    "Statistics per layer. Gain of the layer alone in the planned run (tangent model), and "
    "squared residual norm (cross-fitted), each with its jackknife standard error; gradient norm; "
    "and the inputs' second moment. A dash is a number that the card does not have."
)
NUMBERS = (
    Column("budget_gain", "gain (nats/token)", ".2e"),
    Column("budget_gain_error", "± s.e.", ".1e"),
    Column("residual_squared_cross_fitted", "residual norm² (nats)", ".2e"),
    Column("residual_squared_error", "± s.e.", ".1e"),
    Column("gradient_norm", "gradient norm", ".3f"),
    Column("activation_energy", "activation energy", ".3g"),
    Column("smallest_eigenvalue", "smallest eigenvalue", ".1e"),
    Column("effective_rank", "effective rank", ".1f"),
    Column("condition_number", "condition number", ".1e"),
)
COLUMNS = (Column("model", "model"), Column("task", "task"), Column("layer", "layer"), *NUMBERS)


def inputs(preset: Preset) -> dict[str, Step]:
    """Every card."""
    return cards(preset, preset.models)


def compute(**measured: Data) -> Data:
    """One row for each model, task and layer."""
    return {
        "rows": [
            {"model": item["model"], "task": item["task"], "layer": layer["layer"]}
            | {column.key: layer[column.key] for column in NUMBERS}
            for item in measured.values()
            for layer in item["card"]["layers"]
        ]
    }

"""What each card says of each layer."""

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from paper_figures.table import Column, Table

CAPTION = (
    "Statistics per layer. Gain of the layer alone in the planned run (tangent model), and "
    "squared residual norm (cross-fitted), each with its jackknife standard error; gradient norm; "
    "and the inputs' second moment. A dash is a number that the card does not have."
)
NUMBERS = {
    "budget_gain": ("gain (nats/token)", ".2e"),
    "budget_gain_error": ("± s.e.", ".1e"),
    "residual_squared_cross_fitted": ("residual norm² (nats)", ".2e"),
    "residual_squared_error": ("± s.e.", ".1e"),
    "gradient_norm": ("gradient norm", ".3f"),
    "activation_energy": ("activation energy", ".3g"),
    "smallest_eigenvalue": ("smallest eigenvalue", ".1e"),
    "effective_rank": ("effective rank", ".1f"),
    "condition_number": ("condition number", ".1e"),
}


def inputs(preset: Preset) -> dict[str, Step]:
    """Every card."""
    return cards(preset, preset.models)


def compute(**measured: Data) -> Data:
    """One row for each model, task and layer."""
    return {
        "rows": [
            {"model": item["model"], "task": item["task"], "layer": layer["layer"]}
            | {name: layer[name] for name in NUMBERS}
            for item in measured.values()
            for layer in item["card"]["layers"]
        ]
    }


def tabulate(data: Data) -> Table:
    """Model, task and layer, then the numbers."""
    names = ("model", "task", "layer")
    columns = [*(Column(name, name) for name in names)]
    columns += [Column(name, heading, shown) for name, (heading, shown) in NUMBERS.items()]
    return Table(CAPTION, tuple(columns), tuple(data["rows"]))

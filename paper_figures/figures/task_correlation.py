"""Do tasks agree on the layers? By the gain that decides, and by the residual norm."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from simulate.palette import DIVERGING, GREY
from simulate.style import TEXT, letter, panels
from theory import InputError

CAPTION = (
    "Spearman correlation between tasks of the layers' ranking (a) by the gain of the layer alone "
    "in the planned run (tangent model, ours), (b) by residual norm (cross-fitted), one model "
    "family in each triangle. Small print: standard deviation over 400 redraws of every value from "
    "its jackknife error, which says how much of a low correlation is noise."
)
REDRAWS = 400
QUANTITIES = {
    "gain alone": ("budget_gain", "budget_gain_error"),
    "residual norm": ("residual_squared_cross_fitted", "residual_squared_error"),
}


def inputs(preset: Preset) -> dict[str, Step]:
    """Cards of one model of each of two families on every task."""
    if not preset.cards and len(preset.data) < 2:
        raise InputError(f"task_correlation compares tasks: give --data twice, not {preset.data}")
    other = preset.models[min(2, len(preset.models) - 1)]
    return cards(preset, (preset.models[0], other))


def compute(**measured: Data) -> Data:
    """For each quantity and model one matrix of correlations and one of their spread."""
    models = list(dict.fromkeys(item["model"] for item in measured.values()))
    tasks = list(dict.fromkeys(item["task"] for item in measured.values()))
    whole = [model for model in models if _tasks_of(model, measured) == set(tasks)]
    if len(tasks) < 2 or not whole:
        raise InputError(f"task_correlation compares tasks, but no model has cards of {tasks}")
    kept = (whole[0], whole[min(1, len(whole) - 1)])
    return {
        "tasks": tasks,
        "quantities": {
            title: [_family(model, tasks, measured, names) for model in kept]
            for title, names in QUANTITIES.items()
        },
    }


def _tasks_of(model: str, measured: dict[str, Data]) -> set[str]:
    return {item["task"] for item in measured.values() if item["model"] == model}


def _family(
    model: str, tasks: list[str], measured: dict[str, Data], names: tuple[str, str]
) -> Data:
    layers = {
        item["task"]: item["card"]["layers"] for item in measured.values() if item["model"] == model
    }
    value, error = (
        np.array([[layer[name] for layer in layers[task]] for task in tasks], dtype=float)
        for name in names
    )
    rng = np.random.default_rng(0)
    draws = [_spearman(value + error * rng.standard_normal(value.shape)) for _ in range(REDRAWS)]
    return {
        "model": model,
        "layers": value.shape[1],
        "correlation": _spearman(value).tolist(),
        "spread": np.std(draws, axis=0).tolist(),
    }


def _spearman(rows: np.ndarray) -> np.ndarray:
    """Correlation of every two rows' ranks."""
    return np.array([[spearmanr(a, b).statistic for b in rows] for a in rows])


def plot(data: Data) -> Figure:
    """One panel for each quantity; lower triangle: first family, upper triangle: second."""
    tasks, quantities = data["tasks"], data["quantities"]
    figure, axes = panels(1, len(quantities), width=TEXT, height=3.2)
    image: Any = None
    for axis, (title, (lower, upper)) in zip(axes[0], quantities.items(), strict=True):
        image = _draw(axis, tasks, lower, upper)
        axis.set_title(f"{title}; above: {upper['model']}")
        axis.set_xlabel(f"below: {lower['model']}", loc="left")
    bar = figure.colorbar(image, ax=list(axes[0]), shrink=0.8, pad=0.02)
    bar.set_label("rank correlation of layers")
    letter(axes.flat)
    return figure


def _draw(axis: Axes, tasks: list[str], lower: Data, upper: Data) -> Any:
    size = len(tasks)
    below = np.tril(np.ones((size, size), dtype=bool), -1)
    above = below.T
    value = np.where(below, lower["correlation"], np.where(above, upper["correlation"], np.nan))
    spread = np.asarray(np.where(below, lower["spread"], upper["spread"]))
    image = axis.imshow(value, cmap=DIVERGING, vmin=-1, vmax=1)
    for i in range(size):
        for j in range(size):
            if i == j:
                continue
            dark = abs(value[i, j]) > 0.6
            text = f"{value[i, j]:.2f}\n±{spread[i, j]:.2f}"
            axis.text(
                j, i, text, ha="center", va="center", color="white" if dark else "black", size=6.2
            )
    axis.plot([-0.5, size - 0.5], [-0.5, size - 0.5], color=GREY, lw=0.6)
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xticks(range(size), tasks, rotation=30 if size > 3 else 0)
    axis.set_yticks(range(size), tasks)
    return image

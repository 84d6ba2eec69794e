"""Layer profiles over tasks: the gain that decides, residual norm, energy, gradient norm."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import spearmanr

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from simulate.palette import CYCLE, MARKERS
from simulate.style import TEXT, letter, log_ticks, panels

CAPTION = (
    "Layerwise profiles over tasks for each model (rows). First the quantity that decides: the "
    "gain of the layer alone in the planned run (tangent model, ours). Then those of the paper: "
    "projected residual norm, cross-fitted (a hollow marker on the axis says that the estimate of "
    "the squared norm is not positive); activation energy, the trace of the inputs' second moment, "
    "summed over a layer's distinct inputs; Frobenius norm of the mean gradient. Bands: one "
    "jackknife standard error over sequences. Below each panel: rank correlation over layers with "
    "the gain, its median over tasks."
)
QUANTITIES = {
    "gain": "gain alone (nats / token)",
    "residual_norm": r"residual norm ($\sqrt{\mathrm{nats}}$)",
    "activation_energy": r"activation energy $E\|h\|^2$",
    "gradient_norm": "gradient norm",
}


def inputs(preset: Preset) -> dict[str, Step]:
    """Cards of the first two models on every task."""
    return cards(preset, preset.models[:2])


def compute(**measured: Data) -> Data:
    """The three profiles of each card."""
    return {
        "profiles": [
            _profile(item["model"], item["task"], item["card"]) for item in measured.values()
        ]
    }


def _profile(model: str, task: str, card: Data) -> Data:
    squared = [layer["residual_squared_cross_fitted"] for layer in card["layers"]]
    error = [layer["residual_squared_error"] for layer in card["layers"]]
    norm = [None if s is None or s <= 0 else float(np.sqrt(s)) for s in squared]
    return {
        "model": model,
        "task": task,
        "layer": [layer["layer"] for layer in card["layers"]],
        "gain": [layer["budget_gain"] for layer in card["layers"]],
        **_ends("gain", card["layers"]),
        "residual_norm": norm,
        "residual_norm_low": [_root(s, e, -1) for s, e in zip(squared, error, strict=True)],
        "residual_norm_high": [_root(s, e, 1) for s, e in zip(squared, error, strict=True)],
        "activation_energy": [layer["activation_energy"] for layer in card["layers"]],
        "gradient_norm": [layer["gradient_norm"] for layer in card["layers"]],
    }


def _ends(name: str, layers: list[Data]) -> dict[str, list[float | None]]:
    """One standard error below and above the gain."""
    pairs = [(layer["budget_gain"], layer["budget_gain_error"] or 0.0) for layer in layers]
    return {
        f"{name}_low": [None if g is None else g - e for g, e in pairs],
        f"{name}_high": [None if g is None else g + e for g, e in pairs],
    }


def _root(square: float | None, error: float | None, sign: int) -> float | None:
    """End of the interval of one standard error, on the scale of the norm."""
    if square is None or error is None:
        return None
    return float(np.sqrt(max(square + sign * error, 0.0)))


def plot(data: Data) -> Figure:
    """One row for each model, one column for each quantity."""
    profiles = data["profiles"]
    models = list(dict.fromkeys(item["model"] for item in profiles))
    tasks = list(dict.fromkeys(item["task"] for item in profiles))
    figure, axes = panels(len(models), 4, width=TEXT, height=0.5 + 1.5 * len(models))
    for row, model in enumerate(models):
        for column, (quantity, unit) in enumerate(QUANTITIES.items()):
            axis = axes[row, column]
            own = [item for item in profiles if item["model"] == model]
            for profile in own:
                _draw(axis, profile, quantity, tasks.index(profile["task"]))
            axis.set_title(unit if row == 0 else "")
            told = "" if quantity == "gain" else f"; {_agreement(own, quantity)}"
            axis.set_xlabel(f"layer{told.rstrip('; ')}")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            if column == 0:
                axis.set_ylabel(model)
    for column in axes.T[2:]:
        _scale(column)
    for axis in axes[:, :2].flat:
        axis.set_ylim(0, 1.15 * axis.dataLim.ymax)
    letter(axes.flat)
    handles, labels = axes[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(tasks))
    return figure


def _agreement(profiles: list[Data], quantity: str) -> str:
    """Rank correlation over layers with the gain: its median over tasks."""
    pairs = [
        np.array(
            [(g, q) for g, q in zip(p["gain"], p[quantity], strict=True) if None not in (g, q)]
        )
        for p in profiles
    ]
    found = [float(spearmanr(*pair.T).statistic) for pair in pairs if len(pair) > 2]
    return f"with the gain: {np.median(found):+.2f}" if found else ""


def _scale(column: Sequence[Axes]) -> None:
    """One kind of axis for all models: logarithmic where one spans more than a factor of five."""
    ranges = [axis.dataLim.intervaly for axis in column]
    if min(low for low, _ in ranges) > 0 and any(high > 5 * low for low, high in ranges):
        for axis in column:
            axis.set_yscale("log")
            log_ticks(axis.yaxis)
    else:
        for axis, (_, high) in zip(column, ranges, strict=True):
            axis.set_ylim(0, 1.2 * high)


def _draw(axis: Axes, profile: dict[str, Any], quantity: str, index: int) -> None:
    colour, layers = CYCLE[index], profile["layer"]
    value = np.array(profile[quantity], dtype=float)
    axis.plot(layers, value, color=colour, marker=MARKERS[index], label=profile["task"])
    if quantity in ("gain", "residual_norm"):
        low, high = (np.array(profile[f"{quantity}_{end}"], dtype=float) for end in ("low", "high"))
        axis.fill_between(layers, low, high, color=colour, alpha=0.18, lw=0)
        absent = [layer for layer, item in zip(layers, value, strict=True) if np.isnan(item)]
        if absent:
            style: dict[str, Any] = {
                "marker": MARKERS[index],
                "mfc": "white",
                "mec": colour,
                "clip_on": False,
            }
            axis.plot(absent, [0.0] * len(absent), ls="", **style)

"""Training time and memory of placements relative to all layers, at equal adapter size."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.tuning import tunings
from simulate.palette import BLACK, CYCLE, MARKERS
from simulate.style import COLUMN, letter, panels

CAPTION = (
    "Cost of fine-tuning a placement relative to adapting every layer, at equal adapter size (the "
    "rank grows as layers get fewer), over tasks. (a) Training time, mean over seeds with the "
    "range. (b) Memory: bytes kept for backward by the card's calibrated count, gradients and "
    "optimiser state. What costs is the lowest adapted layer, not the number of layers."
)
ORDER = ("first", "middle", "last", "uniform", "random", "residual norm", "ours")


def inputs(preset: Preset) -> dict[str, Step]:
    """Runs of the first model on every task."""
    return tunings(preset, preset.models[0])


def compute(**measured: Data) -> Data:
    """Shares of the cost of all layers, for each task and placement."""
    return {
        "model": next(iter(measured.values()))["model"],
        "points": [_point(item, name) for item in measured.values() for name in ORDER],
    }


def _point(item: Data, name: str) -> dict[str, Any]:
    """Each run against the run of all layers with the same seed."""
    whole = {row["seed"]: row for row in item["rows"] if row["placement"] == "all"}
    rows = [row for row in item["rows"] if row["placement"].startswith(name)]
    time = [row["seconds"] / whole[row["seed"]]["seconds"] for row in rows]
    memory = [row["memory_bytes"] / whole[row["seed"]]["memory_bytes"] for row in rows]
    return {
        "task": item["task"],
        "placement": name,
        "lowest": float(np.mean([min(row["layers"]) for row in rows])),
        "time": [min(time), float(np.mean(time)), max(time)],
        "memory": [min(memory), float(np.mean(memory)), max(memory)],
    }


def plot(data: Data) -> Figure:
    """Time above, memory below."""
    figure, axes = panels(2, 1, width=COLUMN, height=3.3, sharex=True)
    for axis, quantity in zip(axes[:, 0], ("time", "memory"), strict=True):
        _draw(axis, data, quantity)
    axes[0, 0].set_title(f"training time, {data['model']}")
    axes[1, 0].set_title("memory")
    axes[1, 0].set_xticks(range(len(ORDER)), [name.replace(" ", "\n") for name in ORDER])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    letter(axes.flat)
    return figure


def _draw(axis: Axes, data: Data, quantity: str) -> None:
    tasks = list(dict.fromkeys(point["task"] for point in data["points"]))
    for index, task in enumerate(tasks):
        low, mean, high = np.array(
            [point[quantity] for point in data["points"] if point["task"] == task]
        ).T
        x = np.arange(len(mean)) + 0.2 * (index - (len(tasks) - 1) / 2)
        axis.errorbar(
            x,
            mean,
            yerr=[mean - low, high - mean],
            ls="",
            marker=MARKERS[index],
            color=CYCLE[index],
            elinewidth=0.7,
            label=task,
        )
    axis.axhline(1, color=BLACK, lw=0.6)
    axis.set_ylim(0, None)
    axis.set_ylabel("share of all layers'")
    axis.yaxis.set_major_formatter(lambda y, _: f"{y:.0%}")
    axis.grid(visible=False, axis="x")

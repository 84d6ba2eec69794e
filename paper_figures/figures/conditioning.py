"""Conditioning of the representations that the adapters of each placement see."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from simulate.palette import BLACK, CYCLE, MARKERS
from simulate.style import COLUMN, letter, panels

CAPTION = (
    "Conditioning of the inputs of the layers that each placement adapts, on the model before "
    "fine-tuning: one small marker for each distinct input of an adapted layer, a bar for the "
    "median, colours for tasks. (a) Condition number of the second moment; a hollow marker at the "
    "top says that some are singular. (b) Effective rank as a share of the width. An energy "
    "(trace) alone would show neither. (c) Does it decide? The gain of each layer alone in the "
    "planned run against the median effective rank of its inputs, with the rank correlation over "
    "layers of each task: a placement rule by conditioning is worth what that says."
)
PLACEMENTS = ("first-k", "middle-k", "last-k", "uniform-k", "residual norm", "ours")


def inputs(preset: Preset) -> dict[str, Step]:
    """Cards of the first model on every task."""
    return cards(preset, preset.models[:1])


def compute(**measured: Data) -> Data:
    """Values of every distinct input of each placement's layers."""
    model = next(iter(measured.values()))["model"]
    measured = {name: item for name, item in measured.items() if item["model"] == model}
    return {
        "model": model,
        "points": [_point(item, name) for item in measured.values() for name in PLACEMENTS],
        "layers": [_layers(item) for item in measured.values()],
    }


def _layers(item: Data) -> dict[str, Any]:
    """Gain of each layer beside the median effective rank of its distinct inputs."""
    rank: list[float] = []
    for layer in item["card"]["layers"]:
        own = {
            m["input_group"]: m["effective_rank"] / m["in_features"]
            for m in item["card"]["modules"]
            if m["layer"] == layer["layer"] and m["effective_rank"] is not None
        }
        rank.append(float(np.median(list(own.values()))))
    gain = [layer["budget_gain"] for layer in item["card"]["layers"]]
    correlation = float(spearmanr(rank, gain).statistic) if len(gain) > 2 else None
    return {"task": item["task"], "rank": rank, "gain": gain, "correlation": correlation}


def _point(item: Data, name: str) -> dict[str, Any]:
    layers = item["placements"][name]["layers"]
    # Modules of one group read the same input: count it once.
    seen = {m["input_group"]: m for m in item["card"]["modules"] if m["layer"] in layers}
    return {
        "task": item["task"],
        "placement": name.removesuffix("-k"),
        "layers": layers,
        "condition_number": [m["condition_number"] for m in seen.values()],
        "effective_rank": [m["effective_rank"] / m["in_features"] for m in seen.values()],
    }


def plot(data: Data) -> Figure:
    """Condition number, effective rank, and the gain against it."""
    figure, axes = panels(3, 1, width=COLUMN, height=5.0)
    names = list(dict.fromkeys(point["placement"] for point in data["points"]))
    _draw(axes[0, 0], data, names, "condition_number")
    _draw(axes[1, 0], data, names, "effective_rank")
    axes[0, 0].set_title(f"condition number, {data['model']}")
    axes[0, 0].set_ylabel(r"$\lambda_{\max}/\lambda_{\min}$")
    axes[0, 0].set_yscale("log")
    axes[1, 0].set_title("effective rank")
    axes[1, 0].set_ylabel("share of the width")
    axes[1, 0].set_ylim(0)
    axes[1, 0].yaxis.set_major_formatter(lambda y, _: f"{y:.0%}")
    labels = [name.replace(" ", "\n") for name in names]
    axes[0, 0].set_xticks(range(len(names)), [""] * len(names))
    axes[1, 0].set_xticks(range(len(names)), labels)
    _conclude(axes[2, 0], data)
    axes[0, 0].plot([], [], color=BLACK, lw=1.1, label="median")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    letter(axes.flat)
    return figure


def _conclude(axis: Axes, data: Data) -> None:
    """What the effective rank says about the gain."""
    for index, found in enumerate(data["layers"]):
        axis.plot(
            found["rank"], found["gain"], ls="", marker=MARKERS[index], color=CYCLE[index], ms=3
        )
    told = [f"{each['correlation']:+.2f}" for each in data["layers"] if each["correlation"]]
    axis.set_title(f"gain against it: rank correlation {', '.join(told)}")
    axis.set_xlabel("effective rank of the layer's inputs, share of the width")
    axis.set_ylabel("gain alone (nats / token)")
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:.1%}")
    axis.set_ylim(0)


def _draw(axis: Axes, data: Data, names: list[str], quantity: str) -> None:
    tasks = list(dict.fromkeys(point["task"] for point in data["points"]))
    for index, task in enumerate(tasks):
        label = task
        for point in (point for point in data["points"] if point["task"] == task):
            x = names.index(point["placement"]) + 0.22 * (index - (len(tasks) - 1) / 2)
            # A singular second moment has no condition number: the largest of all, not none.
            values = np.array([np.inf if v is None else v for v in point[quantity]])
            style: dict[str, Any] = {"ls": "", "marker": MARKERS[index], "color": CYCLE[index]}
            finite = values[np.isfinite(values)]
            axis.plot(
                np.full(len(finite), x), finite, ms=2.2, alpha=0.55, mew=0, label=label, **style
            )
            if len(finite) < len(values):
                top = axis.get_xaxis_transform()
                axis.plot(x, 1, transform=top, ms=3, mfc="white", mew=0.6, clip_on=False, **style)
            label = "_"
            middle = float(np.median(values))
            if np.isfinite(middle):
                axis.plot([x - 0.09, x + 0.09], [middle, middle], color=BLACK, lw=1.1, zorder=4)
    axis.grid(visible=False, axis="x")

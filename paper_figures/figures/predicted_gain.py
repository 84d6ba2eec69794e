"""Predicted against realised gain: the joint model, the sum of single gains, the bounds."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.comparison import comparisons
from simulate.palette import BLUE, GREY, VERMILION
from simulate.style import TEXT, letter, log_ticks, panels

CAPTION = (
    "Does the prediction come true? One point for each placement that was fine-tuned, all drawn "
    "before anything was measured; one panel for each quadratic model of each comparison. "
    "Horizontal: gain predicted by the joint model (circles; grey bars are its signed "
    "bounds, cut at the frame) and by its sum of single gains (squares). Vertical: fall of the "
    "held-out loss, with the range over seeds, on the same axis. Dashed: prediction = outcome. The "
    "rank correlation is the joint model's, with its 95% bootstrap interval over placements."
)

MODELS = ("tangent-start", "joint-gain-exact")
"""The two models of a card: within a budget of steps, and without, where that was measured."""


def inputs(preset: Preset) -> dict[str, Step]:
    """The preset's comparisons."""
    return comparisons(preset)


def compute(**measured: Data) -> Data:
    """Points and correlation of each comparison and quadratic model."""
    return {"panels": [panel for item in measured.values() for panel in _panels(**item)]}


def _panels(model: str, task: str, comparison: Data) -> list[Data]:
    scores = {summary["name"]: summary for summary in comparison["summaries"]}
    drawn = {tuple(run["layers"]) for run in comparison["runs"] if run["role"] == "pool"}
    return [
        {
            "model": model,
            "task": task,
            "score": scores[name]["title"].removesuffix(" (ours)").split(",")[0],
            "points": [
                _point(row, comparison["runs"])
                for row in comparison["predictions"][name]
                if tuple(row["layers"]) in drawn
            ],
            "agreement": _agreement(scores[name]),
        }
        for name in MODELS
        if name in comparison["predictions"]
    ]


def _agreement(summary: dict[str, Any]) -> dict[str, Any]:
    """Over the placements of one size, or over all of them where there are several sizes."""
    sizes = summary["sizes"]
    agreement: dict[str, Any] = sizes[0]["placements"] if len(sizes) == 1 else summary["all_sizes"]
    return agreement


def _point(row: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    gains = [run["gain"] for run in runs if run["layers"] == row["layers"]]
    return {**row, "realised_low": min(gains), "realised_high": max(gains)}


def plot(data: Data) -> Figure:
    """Two panels a row: one for each quadratic model of each comparison."""
    found = data["panels"]
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    figure, axes = panels(rows, columns, width=TEXT, height=0.35 + 2.9 * rows)
    for axis, panel in zip(axes.flat, found, strict=False):
        _draw(axis, panel)
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    letter(axes.flat[: len(found)])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    return figure


def _columns(panel: Data, *names: str) -> list[np.ndarray]:
    return [np.array([point[name] for point in panel["points"]], dtype=float) for name in names]


def _draw(axis: Axes, panel: Data) -> None:
    realised, joint, total, low, high = _columns(
        panel, "realised", "joint", "sum", "realised_low", "realised_high"
    )
    below, above = _columns(panel, "signed_lower", "signed_upper")
    spread = np.abs(np.stack([low, high]) - realised)
    far = 1e3 * total.max()  # a bound that says nothing reaches beyond the frame
    bounds = np.stack([joint - below, np.nan_to_num(above, nan=far) - joint])
    axis.errorbar(
        joint,
        realised,
        xerr=bounds,
        ls="",
        color=GREY,
        elinewidth=0.4,
        capsize=0,
        alpha=0.5,
        label="signed bounds",
    )
    axis.errorbar(
        joint,
        realised,
        yerr=spread,
        ls="",
        marker="o",
        color=BLUE,
        elinewidth=0.7,
        label="joint model, range over seeds",
    )
    axis.plot(total, realised, ls="", marker="s", mfc="none", color=VERMILION, label="sum of gains")
    ends = (0.7 * min(joint.min(), low.min()), 1.4 * max(total.max(), high.max()))
    axis.plot(ends, ends, color=GREY, ls="--", lw=0.8, label="prediction = outcome")
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    log_ticks(axis.yaxis)
    axis.set_title(f"{panel['score']}: {_text(panel['agreement'])}")
    log_ticks(axis.xaxis)
    axis.set_xlabel(f"predicted gain, {panel['model']} on {panel['task']} (nats / token)")
    axis.set_ylabel("realised gain (nats / token)")


def _text(agreement: Data) -> str:
    if agreement["spearman"] is None:
        return "no correlation"
    text = f"{agreement['spearman']:.2f}"
    if agreement["over_placements"]:
        low, high = agreement["over_placements"]
        text += f" ({low:.2f} to {high:.2f})"
    return text

"""Predicted against realised gain: the joint model, the sum of single gains, the bounds."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.comparison import comparisons
from paper_figures.style import BLUE, GREY, TEXT, VERMILION, letter, panels

CAPTION = (
    "Does the prediction come true? One point for each placement that was fine-tuned, drawn "
    "before anything was measured. Horizontal: gain predicted by the joint Gauss-Newton model "
    "(circles; bars are the signed bounds) and by the sum of single gains (squares). Vertical: "
    "fall of the held-out loss, with the range over seeds. Dashed: prediction = outcome. The "
    "Spearman correlation carries its bootstrap interval over the placements."
)


def inputs(preset: Preset) -> dict[str, Step]:
    """The preset's comparisons."""
    return comparisons(preset)


def compute(**measured: Data) -> Data:
    """Points and correlation of each comparison."""
    return {"panels": [_panel(**item) for item in measured.values()]}


def _panel(model: str, task: str, comparison: Data) -> Data:
    points = [_point(row, comparison["runs"]) for row in comparison["predictions"]]
    scores = {summary["name"]: summary["placements"] for summary in comparison["summaries"]}
    return {
        "model": model,
        "task": task,
        "points": points,
        "joint": scores["joint-gain-exact"],
        "sum": scores["additive-gain"],
    }


def _point(row: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    gains = [run["gain"] for run in runs if run["layers"] == row["layers"]]
    return {**row, "realised_low": min(gains), "realised_high": max(gains)}


def plot(data: Data) -> Figure:
    """One panel for each comparison, three in a row."""
    count = len(data["panels"])
    columns = min(count, 3) if count != 1 else 2
    rows = -(-count // 3)
    figure, axes = panels(rows, columns, width=TEXT, height=0.35 + 2.3 * rows)
    for axis, panel in zip(axes.flat, data["panels"], strict=False):
        _draw(axis, panel)
    if count == 1:
        _draw_residuals(axes[0, 1], data["panels"][0])
    for axis in axes.flat[max(count, 2 if count == 1 else count) :]:
        axis.set_visible(False)
    letter(axis for axis in axes.flat if axis.get_visible())
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
    bounds = np.stack([joint - below, np.nan_to_num(above, nan=np.inf) - joint])
    bounds = np.where(np.isfinite(bounds), bounds, 0.0)
    axis.errorbar(
        joint, realised, xerr=bounds, ls="", color=GREY, elinewidth=0.4, capsize=0, alpha=0.5
    )
    axis.errorbar(
        joint,
        realised,
        yerr=spread,
        ls="",
        marker="o",
        color=BLUE,
        elinewidth=0.7,
        label="joint model",
    )
    axis.plot(total, realised, ls="", marker="s", mfc="none", color=VERMILION, label="sum of gains")
    edge = np.array([0.5 * realised.min(), 2 * max(joint.max(), total.max())])
    axis.plot(edge, edge, color=GREY, ls="--", lw=0.8, label="prediction = outcome")
    axis.set_xscale("log")
    axis.set_xlim(0.7 * min(joint.min(), realised.min()), 1.4 * total.max())
    axis.set_ylim(0, 1.15 * high.max())
    axis.set_title(f"{panel['model']}, {panel['task']}: {_text(panel['joint'])}")
    axis.set_xlabel("predicted gain (nats / token)")
    axis.set_ylabel("realised gain (nats / token)")


def _text(agreement: Data) -> str:
    if agreement["spearman"] is None:
        return "no correlation"
    text = f"rank corr. {agreement['spearman']:.2f}"
    if agreement["over_placements"]:
        low, high = agreement["over_placements"]
        text += f" [{low:.2f}, {high:.2f}]"
    return text


def _draw_residuals(axis: Axes, panel: Data) -> None:
    """Ranks, since the order is what a placement needs."""
    realised, joint, total = _columns(panel, "realised", "joint", "sum")
    order = np.argsort(np.argsort(realised)) + 1
    for values, marker, colour in ((total, "s", VERMILION), (joint, "o", BLUE)):
        rank = np.argsort(np.argsort(values)) + 1
        hollow = "none" if marker == "s" else colour
        axis.plot(rank, order, ls="", marker=marker, color=colour, mfc=hollow)
    axis.plot([1, len(order)], [1, len(order)], color=GREY, ls="--", lw=0.8)
    axis.set_title("order of the placements")
    axis.set_xlabel("predicted rank (largest gain last)")
    axis.set_ylabel("realised rank")

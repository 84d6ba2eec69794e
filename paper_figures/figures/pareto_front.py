"""Cost against predicted gain: the Pareto front, with the common placements beside it."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import card
from paper_figures.steps.saved import saved_cards
from simulate.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from simulate.style import TEXT, letter, panels

CAPTION = (
    "Predicted gain (of a short Adam run: the tangent model) against cost: every placement on the "
    "Pareto front (line), common placements of equally many layers (markers; where they "
    "would hide each other they stand side by side, around their common cost), and the best of "
    "them by exact search (ours); of those that are the same layers each is a ring around the "
    "last. "
    "Bars: jackknife standard error over sequences. (a) Time of one training step, measured on the "
    "device or, on a card without costs, counted from shapes: backward stops at the lowest adapted "
    "layer, so that late layers are cheap. (b) Memory of a training step. (c) Added latency of a "
    "decoded token with unmerged adapters: it goes by the count alone."
)
STYLES = {
    "first-k": (ORANGE, "v"),
    "middle-k": (SKY, "D"),
    "last-k": (PURPLE, "^"),
    "uniform-k": (VERMILION, "s"),
    "residual norm": (BLACK, "o"),
    "ours": (GREEN, "o"),
}
MARKER = (0.04, 0.05)
"""Width and height of one, as shares of the axes."""
COSTS = {"time": "time of a training step", "memory": "memory", "serving": "serving latency"}


def inputs(preset: Preset) -> dict[str, Step]:
    """Card of the first model on the first task, whose costs are timed."""
    if preset.cards:
        return {"measured": next(iter(saved_cards(preset.cards[:1], fronts=True).values()))}
    return {"measured": card(preset, preset.models[0], preset.data[0])}


def compute(measured: Data) -> Data:
    """Fronts and placements as shares of the cost of all layers."""
    return {
        "model": measured["model"],
        "task": measured["task"],
        "size": measured["size"],
        "all_gain": measured["all_gain"],
        "fronts": {
            kind: [_point(point, kind) for point in measured["fronts"][kind]] for kind in COSTS
        },
        "placements": {
            kind: {name: _point(measured["placements"][name], kind) for name in STYLES}
            for kind in COSTS
        },
    }


def _point(point: Data, kind: str) -> dict[str, Any]:
    return {
        "layers": point["layers"],
        "gain": point["gain"],
        "gain_error": point["gain_error"],
        "cost": point["costs"][f"{kind}_share"],
    }


def plot(data: Data) -> Figure:
    """One panel for each cost."""
    figure, axes = panels(1, len(COSTS), width=TEXT, height=2.4, sharey=True)
    for axis, (kind, title) in zip(axes[0], COSTS.items(), strict=True):
        _draw(axis, data, kind)
        axis.set_title(title)
        axis.set_xlabel("share of adapting every layer")
    axes[0, 0].set_ylabel(f"{data['model']} on {data['task']}:\npredicted gain (nats / token)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    letter(axes.flat)
    return figure


def _draw(axis: Axes, data: Data, kind: str) -> None:
    front = data["fronts"][kind]
    cost, gain = (np.array([point[name] for point in front]) for name in ("cost", "gain"))
    error = np.array([point["gain_error"] or 0.0 for point in front])
    axis.fill_between(cost, gain - error, gain + error, step="post", color=BLUE, alpha=0.15, lw=0)
    axis.step(cost, gain, where="post", color=BLUE, label="front")
    axis.plot(cost, gain, ls="", marker=".", ms=3, color=BLUE)
    beside = _side_by_side(data["placements"][kind], top=float(max(gain)))
    seen: list[list[int]] = []
    for name, (colour, marker) in STYLES.items():
        point = data["placements"][kind][name]
        behind = seen.count(point["layers"])
        seen.append(point["layers"])
        axis.errorbar(
            point["cost"] + beside[tuple(point["layers"])],
            point["gain"],
            yerr=point["gain_error"] or 0.0,
            ls="",
            marker=marker,
            ms=4 + 4 * behind,
            mfc="none" if behind else colour,
            color=colour,
            elinewidth=0.7,
            label=name.removesuffix("-k"),
        )
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
    axis.set_xlim(0, 1.05)
    axis.set_ylim(0)


def _side_by_side(points: dict[str, Data], top: float) -> dict[tuple[int, ...], float]:
    """How far each marker moves along the axis of the cost, by its layers."""
    distinct = {tuple(point["layers"]): (point["cost"], point["gain"]) for point in points.values()}
    moved = dict.fromkeys(distinct, 0.0)
    cluster: list[tuple[int, ...]] = []
    for layers, (cost, gain) in sorted(distinct.items(), key=lambda item: item[1]):
        last = distinct[cluster[-1]] if cluster else (np.inf, np.inf)
        if abs(cost - last[0]) > MARKER[0] or abs(gain - last[1]) > MARKER[1] * top:
            cluster = []
        cluster.append(layers)
        for at, each in enumerate(cluster):
            moved[each] = MARKER[0] * (at - (len(cluster) - 1) / 2)
    return moved

"""The demo's picture: what each layer gains alone, the layers that gain most together in colour."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from realmodel.card import LayerCard

# Colour-blind-safe (Okabe and Ito); the chosen layers also differ by a filled mark.
CHOSEN, OTHER = "#D55E00", "#5B7B95"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Row:
    """One checkpoint of the figure and the layers that its card would choose."""

    title: str
    card: LayerCard
    chosen: tuple[int, ...]


def layer_profile(rows: Sequence[Row]) -> Figure:
    """The gain of each layer alone in the planned run, one panel a checkpoint.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    matplotlib.figure.Figure
        Not tied to any window.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4 * len(rows), 2.7), layout="constrained")
        axes = figure.subplots(1, len(rows), squeeze=False)[0]
        for axis, row in zip(axes, rows, strict=True):
            draw(axis, row)
        axes[0].set_ylabel("gain alone in the planned run\n(nats per token)")
    return figure


def draw(axis: Any, row: Row) -> None:
    """One lollipop a layer with its standard error; one without a gain is left empty."""
    top = 0.0
    for profile in row.card.layers:
        value, error = profile.measures.budget_gain, profile.measures.budget_gain_error or 0.0
        if value is None:
            continue
        chosen = profile.layer in row.chosen
        colour = CHOSEN if chosen else OTHER
        axis.vlines(profile.layer, 0, value, color=colour, linewidth=2.4, alpha=0.55)
        axis.plot(
            profile.layer,
            value,
            "o",
            markersize=6,
            color=colour,
            markerfacecolor=colour if chosen else "white",
            markeredgewidth=1.5,
            zorder=3,
        )
        axis.errorbar(
            profile.layer,
            value,
            yerr=error,
            color="#333333",
            capsize=2.5,
            linewidth=1.0,
            zorder=2.5,
        )
        top = max(top, value + error)
    layers = row.card.indices
    axis.set_title(f"{row.title}: best together {', '.join(map(str, row.chosen))}", fontsize=9.5)
    axis.set_xlabel("layer")
    axis.set_xticks(layers)
    axis.set_xlim(layers[0] - 0.6, layers[-1] + 0.6)
    axis.set_ylim(0, 1.12 * top if top > 0 else 1)


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()

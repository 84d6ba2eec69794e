"""The demo's picture: five profiles over the layers, the chosen layers in colour."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from realmodel.card import LayerCard

# Measure, its error, panel title with units; error bars where the card has them.
PANELS = (
    ("residual_norm", None, "residual norm\n(√nats)"),
    ("gradient_norm", None, "gradient norm\n(nats per unit weight)"),
    ("activation_energy", None, "activation energy\n(tr Σ)"),
    ("gain", "gain_error", "Gauss-Newton gain\n(nats per token)"),
    ("budget_gain", "budget_gain_error", "gain in budget\n(nats per token)"),
)
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
    """Lollipops per layer: one row a checkpoint, one column a measure that some card has.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    matplotlib.figure.Figure
        Not tied to any window.
    """
    measured = [profile.measures for row in rows for profile in row.card.layers]
    panels = [
        panel for panel in PANELS if any(getattr(own, panel[0]) is not None for own in measured)
    ]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.24 * len(panels), 0.75 + 2.05 * len(rows)), layout="constrained")
        axes = figure.subplots(len(rows), len(panels), squeeze=False)
        for index, row in enumerate(rows):
            for axis, (measure, error, title) in zip(axes[index], panels, strict=True):
                draw(axis, row, measure, error)
                if index == 0:
                    axis.set_title(title, fontsize=9)
                if index == len(rows) - 1:
                    axis.set_xlabel("layer")
            axes[index][0].set_ylabel(row.title, fontsize=10, fontweight="bold", labelpad=8)
        chosen = "; ".join(f"{row.title}: {', '.join(map(str, row.chosen))}" for row in rows)
        figure.suptitle(f"Best layers together in orange ({chosen})", fontsize=9, color="#444444")
    return figure


def draw(axis: Any, row: Row, measure: str, error: str | None) -> None:
    """One panel; a measure that the card lacks leaves its layer empty."""
    top = 0.0
    for profile in row.card.layers:
        value = getattr(profile.measures, measure)
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
        spread = getattr(profile.measures, error) if error else None
        if spread is not None:
            axis.errorbar(
                profile.layer,
                value,
                yerr=spread,
                color="#333333",
                capsize=2.5,
                linewidth=1.0,
                zorder=2.5,
            )
        top = max(top, value + (spread or 0.0))
    layers = row.card.indices
    axis.set_xticks(layers)
    axis.set_xlim(layers[0] - 0.6, layers[-1] + 0.6)
    axis.set_ylim(0, 1.12 * top if top > 0 else 1)


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()

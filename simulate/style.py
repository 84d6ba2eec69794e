"""The one style: column widths, vector fonts, and small helpers."""

import math
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.style
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from simulate.palette import CYCLE

COLUMN = 3.3
"""Width of one column of the paper, in inches."""
TEXT = 6.9
"""Width of the whole text, in inches."""

_PARAMETERS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.2,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.3,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.4,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.2,
    "patch.linewidth": 0.6,
    "errorbar.capsize": 1.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "figure.dpi": 200,
    "savefig.dpi": 200,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
}


def style() -> AbstractContextManager[None]:
    """Draw inside ``with style():`` to get the style, whatever the user's own settings are."""
    return matplotlib.style.context(["default", _PARAMETERS])


def panels(
    rows: int, columns: int, *, width: float, height: float, **options: Any
) -> tuple[Figure, Any]:
    """A figure of ``width`` x ``height`` inches and its axes, always two-dimensional.

    Examples
    --------
    >>> figure, axes = panels(1, 2, width=COLUMN, height=2.0)
    >>> axes.shape
    (1, 2)
    """
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def log_ticks(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis whose limits are set; at least three of them.

    Powers of ten alone leave an axis of less than two decades with one number or none.

    Examples
    --------
    >>> _, axes = panels(1, 1, width=COLUMN, height=2.0)
    >>> _ = axes[0, 0].set(xscale="log", xlim=(0.4, 2.1))
    >>> log_ticks(axes[0, 0].xaxis)
    >>> [f"{x:g}" for x in axes[0, 0].get_xticks() if 0.4 <= x <= 2.1]
    ['0.5', '1', '1.5', '2']
    """
    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    if decades < 1:
        axis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def letter(axes: Iterable[Axes]) -> None:
    """Put (a), (b), ... before the titles."""
    for index, axis in enumerate(axes):
        axis.set_title(f"({chr(97 + index)}) {axis.get_title('left')}".rstrip(), loc="left")

"""How the simulator's figures look: one palette, one size, saved whole."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulate.experiment import Experiment
from simulate.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: distinct for every common form of colour blindness.
BLUE, ORANGE, GREEN, PINK, SKY, RED, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#6E6E6E",
)
STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


def save_figure(experiment: Experiment, table: Table, path: str | Path) -> None:
    """Draw ``table`` and write it in the format that the suffix of ``path`` names."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.2))
        FigureCanvasAgg(figure)
        experiment.draw(table, figure)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        os.close(handle)
        try:
            figure.savefig(temporary, dpi=200)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def legend_above(axes: "Axes", columns: int = 3) -> None:
    """One legend over the plot, clear of the data."""
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.08), ncols=columns, borderaxespad=0.0)

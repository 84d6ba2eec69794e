"""A picture of an experiment, saved whole."""

import os
import tempfile
from pathlib import Path

from simulate.experiment import Experiment
from simulate.table import Table


def save_figure(experiment: Experiment, table: Table, path: str | Path) -> None:
    """Draw ``table`` and write it in the format that the suffix of ``path`` names."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from simulate.style import TEXT, style

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with style():
        figure = Figure(figsize=(TEXT, 2.6))
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

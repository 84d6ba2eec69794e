"""A picture of an experiment, saved whole."""

import os

from simulate.experiment import Experiment
from simulate.table import Table
from theory.whole_file import replacing


def save_figure(experiment: Experiment, table: Table, path: str | os.PathLike[str]) -> None:
    """Draw ``table`` and write it in the format that the suffix of ``path`` names."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from simulate.style import TEXT, style

    with style():
        figure = Figure(figsize=(TEXT, 2.6))
        FigureCanvasAgg(figure)
        experiment.draw(table, figure)
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=200)

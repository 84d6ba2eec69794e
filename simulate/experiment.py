"""An experiment: worlds to draw, what to measure on each, how to summarise and draw it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulate.sweep import Measure, Point, Progress, sweep
from simulate.table import Table
from theory import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

MOST_POINTS = 10**6
"""Worlds of one run: their rows are held in memory."""


@dataclass(frozen=True)
class Experiment:
    """A question about worlds with known answers. Call it for its tidy table.

    Parameters
    ----------
    name, title, question
        Identifier, heading and the question in one sentence.
    columns
        Meaning and unit of each column of the table.
    grid
        The points, before they are repeated over worlds.
    measure
        Draws one world of a point and measures it: rows without ``world``.
    worlds
        Number of worlds at each point, unless the caller asks for another.
    summarise
        The short table that is printed.
    draw
        Draws the table on a Matplotlib figure.
    cards
        Turns the files of measured models into rows to draw beside the worlds; None when the
        experiment has no place for them.
    """

    name: str
    title: str
    question: str
    columns: Mapping[str, str]
    grid: Sequence[Point]
    measure: Measure
    worlds: int
    summarise: Callable[[Table], Table]
    draw: Callable[[Table, Figure], None]
    cards: Callable[[Sequence[Path]], list[dict[str, Any]]] | None = None

    def __call__(
        self,
        *,
        seed: int = 0,
        worlds: int | None = None,
        workers: int = 1,
        dask: str | None = None,
        journal: str | Path | None = None,
        progress: Progress | None = None,
        cards: Sequence[Path] = (),
    ) -> Table:
        """Run the experiment.

        Parameters
        ----------
        seed
            Root seed: the same seed gives the same table whatever runs it.
        worlds
            Number of worlds at each point.
        workers, dask, journal, progress
            See :func:`simulate.sweep.sweep`.
        cards
            Saved quadratics or cards of real models.

        Raises
        ------
        InputError
            For a number of worlds below 1 or beyond a million in all, cards that the experiment
            cannot place, and whatever :func:`simulate.sweep.sweep` raises.
        """
        count = self.worlds if worlds is None else worlds
        if count < 1:
            raise InputError(f"worlds is {count}: draw at least one at each point")
        if count * len(self.grid) > MOST_POINTS:
            raise InputError(
                f"worlds is {count}: at {len(self.grid)} points of the grid draw at most "
                f"{MOST_POINTS // len(self.grid)}"
            )
        if cards and self.cards is None:
            raise InputError(f"experiment {self.name!r} has no place for cards: leave them out")
        measured = self.cards(cards) if self.cards is not None else []
        points = [{**point, "world": world} for point in self.grid for world in range(count)]
        rows = sweep(
            self.measure,
            points,
            seed=seed,
            workers=workers,
            dask=dask,
            journal=journal,
            progress=progress,
        )
        options: dict[str, Any] = {"worlds": count}
        if measured:
            options["cards"] = measured
        return Table(self.name, self.title, self.columns, tuple(rows), seed, options)

"""Rank allocation that ignores coupling: how much it loses as coupling grows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.experiment import Experiment
from simulate.fits import alternating_least_squares
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.palette import BLUE, GREEN, GREY, ORANGE
from simulate.sweep import Point
from simulate.table import Table, finite, statistic
from theory import LinearAdapter, rank_allocation

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

LAYERS, SIZE, BUDGET = 4, 3, 4  # every adapter is a SIZE x SIZE matrix
STRENGTHS = {1: (0.0, 0.3, 0.6, 1.0, 1.4, 1.8), -1: (0.0, 0.2, 0.4, 0.6, 0.75, 0.9)}


def allocations(layers: int, budget: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Every way to give ``budget`` units of rank to ``layers`` layers, ``largest`` at most each.

    >>> list(allocations(2, 2, 2))
    [(0, 2), (1, 1), (2, 0)]
    """
    if layers == 1:
        if budget <= largest:
            yield (budget,)
        return
    for first in range(min(budget, largest) + 1):
        for rest in allocations(layers - 1, budget - first, largest):
            yield (first, *rest)


def measure(point: Point, rng: Generator) -> list[Row]:
    """Train every allocation of the budget; find the one chosen without coupling among them."""
    seed = int(rng.integers(2**63))
    rows: list[Row] = []
    for strength in STRENGTHS[point["sign"]]:
        moments = linear_gaussian_world(
            np.random.default_rng(seed),
            layers=LAYERS,
            dimension=SIZE,
            outputs=SIZE,
            coupling="exponential",
            reach=2.0,
            sign=point["sign"],
            strength=strength,
        ).moments
        values = [
            LinearAdapter.from_moments(
                -moments.cross_moment[:, at], moments.second_moment[at, at]
            ).singular_values
            for at in moments.slices
        ]
        blind = rank_allocation(values, BUDGET)
        trained = {
            ranks: alternating_least_squares(
                moments,
                dict(enumerate(ranks)),
                np.random.default_rng(seed),
                sweeps=60,
                tolerance=1e-6,
            ).gain
            for ranks in allocations(LAYERS, BUDGET, SIZE)
        }
        best = max(trained, key=trained.__getitem__)
        low, high = blind.interval(*moments.quadratic.coupling_range)
        even = trained[(BUDGET // LAYERS,) * LAYERS]
        rows.append(
            {
                **point,
                "strength": strength,
                "ranks": list(blind.ranks),
                "best_ranks": list(best),
                "predicted": blind.sum_of_gains,
                "trained": trained[blind.ranks],
                "interval_low": low,
                "interval_high": finite(high),
                "best": trained[best],
                "even": even,
                "mean_of_all": float(np.mean(list(trained.values()))),
            }
        )
    return rows


def summarise(table: Table) -> Table:
    """Loss against the best allocation, and how wrong the predicted gain is."""
    return table.group(
        ("sign", "strength"),
        chosen=statistic("mean gain / best", np.mean, "trained", over="best"),
        even=statistic("the same for equal ranks", np.mean, "even", over="best"),
        average=statistic("the same for a random allocation", np.mean, "mean_of_all", over="best"),
        same_choice=(
            "share of worlds in which it is the best",
            lambda part: float(np.mean([row["ranks"] == row["best_ranks"] for row in part.rows])),
        ),
        predicted=statistic("mean predicted / trained gain", np.mean, "predicted", over="trained"),
    )


def draw(table: Table, figure: Figure) -> None:
    """Share of the best gain by allocation, and the error of the predicted gain."""
    left, right = figure.subplots(1, 2)
    summary = summarise(table)
    styles = {
        "chosen": (BLUE, "by singular values, blind to coupling"),
        "even": (ORANGE, "equal ranks"),
        "average": (GREY, "mean over all allocations"),
    }
    for sign, line in ((1, "-"), (-1, "--")):
        part = summary.where(sign=sign)
        x = part.column("strength")
        for name, (color, label) in styles.items():
            left.plot(x, part.column(name), line, marker="o", ms=3, color=color,
                      label=label if sign == 1 else None)  # fmt: skip
        right.plot(
            x, part.column("predicted"), line, marker="o", ms=3, color=GREEN,
            label="positive coupling" if sign == 1 else "negative coupling",
        )  # fmt: skip
    left.set(
        title="Dashed: negative coupling",
        xlabel=r"coupling $\rho$",
        ylabel="share of the best allocation's gain",
        ylim=(0.0, 1.05),
    )
    left.legend()
    right.axhline(1.0, color="black", lw=0.6)
    right.set(
        title="Error of the predicted gain",
        xlabel=r"coupling $\rho$",
        ylabel="sum of single gains / trained gain",
        ylim=(0.0, None),
    )
    right.legend()


EXPERIMENT = Experiment(
    name="rank_allocation",
    title=f"{BUDGET} units of rank over {LAYERS} layers",
    question="How much does an allocation of rank that ignores coupling lose as coupling grows?",
    columns={
        "sign": "sign of the coupling",
        "world": "index of the draw",
        "strength": "rho",
        "ranks": "allocation by singular values alone (8d)",
        "best_ranks": "best allocation, every one trained",
        "predicted": "gain of the former if layers did not interact",
        "trained": "its joint gain, trained by alternating least squares",
        "interval_low": "signed interval for that gain, lower end",
        "interval_high": "upper end",
        "best": "gain of the best allocation",
        "even": "gain of equal ranks",
        "mean_of_all": "mean gain over every allocation",
    },
    grid=({"sign": 1}, {"sign": -1}),
    measure=measure,
    worlds=16,
    summarise=summarise,
    draw=draw,
)

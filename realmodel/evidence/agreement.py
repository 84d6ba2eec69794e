"""How well a score's order agrees with the order of realised gains."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from theory.arrays import Array, Float64

REPLICATES = 1000


@dataclass(frozen=True)
class Agreement:
    """A rank correlation with two bootstrap intervals.

    Parameters
    ----------
    spearman : float or None
        None when a side is constant (``reason`` says which).
    over_seeds : tuple of float or None
        2.5% and 97.5% points when every placement's runs are drawn again; None with one seed.
    over_placements : tuple of float or None
        The same when the placements are drawn again: how much the pool matters.
    reason : str
        Why something is None.
    """

    spearman: float | None
    over_seeds: tuple[float, float] | None = None
    over_placements: tuple[float, float] | None = None
    reason: str = ""


def spearman(x: Float64[Array, " n"], y: Float64[Array, " n"]) -> float | None:
    """Correlation of the ranks, ties averaged; None when either side is constant.

    Examples
    --------
    >>> round(spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 9.0, 4.0])), 12)
    0.5
    """
    ranks_x, ranks_y = rankdata(x) - (len(x) + 1) / 2, rankdata(y) - (len(y) + 1) / 2
    scale = float(np.sqrt(np.sum(ranks_x**2) * np.sum(ranks_y**2)))
    return float(ranks_x @ ranks_y) / scale if scale > 0 else None


def agreement(
    values: Float64[Array, " n"], gains: Float64[Array, "n seeds"], *, seed: int = 0
) -> Agreement:
    """Agreement of a score with the mean gain over seeds.

    Parameters
    ----------
    values : (n,) array
        The score of each placement.
    gains : (n, seeds) array
        Realised gain of each run.
    seed : int
        Of the bootstrap.
    """
    count, seeds = gains.shape
    central = spearman(values, gains.mean(axis=1))
    if central is None:
        constant = "the score" if np.ptp(values) == 0 else "the realised gain"
        return Agreement(None, reason=f"{constant} is the same for all placements")
    generator = np.random.default_rng([seed, count, seeds])
    over_placements = interval(
        spearman(values[rows], gains[rows].mean(axis=1))
        for rows in generator.integers(count, size=(REPLICATES, count))
    )
    if seeds < 2:
        return Agreement(central, None, over_placements, "one seed: no interval over seeds")
    draws = generator.integers(seeds, size=(REPLICATES, count, seeds))
    over_seeds = interval(
        spearman(values, np.take_along_axis(gains, draw, axis=1).mean(axis=1)) for draw in draws
    )
    return Agreement(central, over_seeds, over_placements)


def interval(replicates: Iterable[float | None]) -> tuple[float, float] | None:
    """2.5% and 97.5% points of the replicates that are defined."""
    defined = [value for value in replicates if value is not None]
    if not defined:
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)

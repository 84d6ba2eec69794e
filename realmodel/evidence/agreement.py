"""How well a score's order agrees with the order of realised gains."""

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
    value = float(correlations(x, y))
    return None if np.isnan(value) else value


def correlations(x: Float64[Array, "*r n"], y: Float64[Array, "*r n"]) -> Float64[Array, "*r"]:
    """Of the ranks of many pairs of rows at once; NaN where either row is constant."""
    a, b = (rankdata(row, axis=-1) - (row.shape[-1] + 1) / 2 for row in (x, y))
    scale = np.sqrt(np.sum(a**2, axis=-1) * np.sum(b**2, axis=-1))
    return np.divide(
        np.sum(a * b, axis=-1), scale, out=np.full(scale.shape, np.nan), where=scale > 0
    )


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
    rows = generator.integers(count, size=(REPLICATES, count))
    over_placements = interval(correlations(values[rows], gains[rows].mean(axis=-1)))
    if seeds < 2:
        return Agreement(central, None, over_placements, "one seed: no interval over seeds")
    draws = generator.integers(seeds, size=(REPLICATES, count, seeds))
    redrawn = np.take_along_axis(gains[None], draws, axis=-1).mean(axis=-1)
    over_seeds = interval(correlations(np.broadcast_to(values, redrawn.shape), redrawn))
    return Agreement(central, over_seeds, over_placements)


def interval(replicates: Float64[Array, " r"]) -> tuple[float, float] | None:
    """2.5% and 97.5% points of the replicates that are defined."""
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)

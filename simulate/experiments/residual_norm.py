"""The residual norm from finitely many tokens: plug-in bias, and its removal by cross-fitting."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from scipy.special import stdtrit

from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import LinearGaussianWorld, linear_gaussian_world
from simulate.moments import Moments
from simulate.palette import BLACK, BLUE, GREEN, GREY, VERMILION
from simulate.sample import Sample
from simulate.sweep import Point
from simulate.table import Table, statistic
from theory import CrossFit, cross_fitted_norm, projected_residual_norm
from theory.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = Any

OUTPUTS, DIMENSION, LENGTH = 4, 16, 8
SEQUENCES = (16, 32, 64, 128, 256, 512)


def one_layer(rng: Generator, signal: float) -> LinearGaussianWorld:
    """A world of one layer whose squared residual norm is ``signal``."""
    world = linear_gaussian_world(
        rng,
        layers=1,
        dimension=DIMENSION,
        outputs=OUTPUTS,
        coupling="independent",
        strength=0.0,
        condition=30.0,
    )
    moments = world.moments
    scaled = np.sqrt(signal) * moments.cross_moment
    return replace(world, moments=Moments(moments.second_moment, scaled, moments.sizes))


def cross_fit(sample: Sample, length: int) -> CrossFit:
    """Cross-fit over groups of ``length`` consecutive tokens."""
    groups = len(sample) // length
    h = sample.features.reshape(groups, length, -1)
    r = sample.residual.reshape(groups, length, -1)
    sums: Array = -np.matmul(r.swapaxes(1, 2), h)
    counts = np.full(groups, float(length))
    return cross_fitted_norm(sums, counts, sample.moments.second_moment)


def measure(point: Point, rng: Generator) -> list[Row]:
    """Estimates at every number of sequences, with error bars by sequence and by token."""
    world = one_layer(rng, point["signal"])
    truth = projected_residual_norm(-world.moments.cross_moment, world.moments.second_moment) ** 2
    rows: list[Row] = []
    for sequences in SEQUENCES:
        n = sequences * LENGTH
        sample = world.sample(n, rng, sequence=LENGTH, dependence=point["dependence"])
        for unit, length in (("sequence", LENGTH), ("token", 1)):
            if unit == "token" and n > 1024:
                continue  # the estimate is the same as by sequence to within its error
            fit = cross_fit(sample, length)
            reach = float(stdtrit(fit.sequences - 1, 0.975)) * fit.standard_error
            rows.append(
                {
                    **point,
                    "sequences": sequences,
                    "unit": unit,
                    "truth": truth,
                    "plug_in": fit.plug_in,
                    "cross_fitted": fit.squared_norm,
                    "standard_error": fit.standard_error,
                    "covered": bool(abs(fit.squared_norm - truth) <= reach),
                    "predicted_bias": world.noise**2 * OUTPUTS * DIMENSION / n,
                }
            )
    return rows


def summarise(table: Table) -> Table:
    """Bias of both estimates in standard errors of its mean, and coverage of the 95% intervals."""
    return table.group(
        ("signal", "dependence", "unit", "sequences"),
        predicted=("noise^2 m d / n", lambda part: part.rows[0]["predicted_bias"]),
        plug_in_bias=("mean plug-in minus truth", lambda part: _bias(part, "plug_in")),
        cross_fit_bias=("mean cross-fitted minus truth", lambda part: _bias(part, "cross_fitted")),
        standard_error=(
            "standard error of that mean",
            lambda part: float(part.column("cross_fitted").std() / np.sqrt(len(part.rows))),
        ),
        coverage=statistic("share of 95% intervals that hold the truth", np.mean, "covered"),
    )


def _bias(part: Table, column: str) -> float:
    return float(np.mean(part.column(column) - part.column("truth")))


def estimates(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Mean and spread of both estimates at each sample size, with and without a signal."""
    at = [row for row in rows if row["dependence"] == 0]
    return [_estimates(signal, [r for r in at if r["signal"] == signal]) for signal in (1.0, 0.0)]


def coverage(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Share of intervals that hold the truth, by the unit of the jackknife."""
    at = [row for row in rows if row["signal"] == 1.0]
    return [
        _coverage(unit, dependence, at)
        for unit, dependence in (("sequence", 0.0), ("sequence", 0.5), ("token", 0.5))
    ]


def _estimates(signal: float, rows: Sequence[Row]) -> dict[str, Any]:
    rows = [row for row in rows if row["unit"] == "sequence"]
    sizes = sorted({row["sequences"] for row in rows})
    result: dict[str, Any] = {"signal": signal, "sequences": sizes}
    result["truth"] = float(np.mean([row["truth"] for row in rows]))
    result["predicted_bias"] = [
        next(row["predicted_bias"] for row in rows if row["sequences"] == n) for n in sizes
    ]
    for name in ("plug_in", "cross_fitted"):
        values = [np.array([r[name] for r in rows if r["sequences"] == n]) for n in sizes]
        result[name] = {
            "mean": [float(v.mean()) for v in values],
            "error": [float(v.std(ddof=1) / np.sqrt(len(v))) for v in values],
            "low": [float(np.quantile(v, 0.1)) for v in values],
            "high": [float(np.quantile(v, 0.9)) for v in values],
        }
    return result


def _coverage(unit: str, dependence: float, rows: Sequence[Row]) -> dict[str, Any]:
    rows = [row for row in rows if row["unit"] == unit and row["dependence"] == dependence]
    sizes = sorted({row["sequences"] for row in rows})
    covered = [np.array([row["covered"] for row in rows if row["sequences"] == n]) for n in sizes]
    share = [float(c.mean()) for c in covered]
    return {
        "unit": unit,
        "dependence": dependence,
        "sequences": sizes,
        "share": share,
        "error": [
            float(np.sqrt(p * (1 - p) / len(c))) for p, c in zip(share, covered, strict=True)
        ],
    }


def _sizes(axis: Axes, sizes: list[int]) -> None:
    axis.set_xscale("log")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.set_xlabel("sequences in the sample")


def draw_estimates(axis: Axes, part: dict[str, Any]) -> None:
    """Plug-in and cross-fitted squared residual norm against the sample size."""
    truth, sizes = part["truth"], part["sequences"]
    axis.set_title(f"truth {part['signal']:.0f}")
    axis.axhline(truth, color=BLACK, lw=0.6)
    predicted = truth + np.array(part["predicted_bias"])
    for name, colour, marker, label in (
        ("plug_in", VERMILION, "s", "plug-in"),
        ("cross_fitted", BLUE, "o", "cross-fitted"),
    ):
        values = part[name]
        axis.fill_between(sizes, values["low"], values["high"], color=colour, alpha=0.18, lw=0)
        axis.plot(sizes, values["mean"], color=colour, marker=marker, label=label)
    axis.plot(sizes, predicted, color=GREY, ls="--", label="predicted plug-in", zorder=4)
    axis.set_ylabel("squared residual norm")
    _sizes(axis, sizes)


def draw_coverage(axis: Axes, parts: Sequence[dict[str, Any]]) -> None:
    """Coverage of the 95% intervals, with binomial standard errors."""
    axis.set_title("coverage of 95% intervals")
    styles = ((BLUE, "o", "-"), (GREEN, "^", "-"), (VERMILION, "s", "--"))
    for part, (colour, marker, line) in zip(parts, styles, strict=True):
        tokens = "dependent" if part["dependence"] else "independent"
        axis.errorbar(
            part["sequences"],
            part["share"],
            yerr=part["error"],
            color=colour,
            marker=marker,
            ls=line,
            elinewidth=0.8,
            label=f"by {part['unit']}, {tokens} tokens",
        )
    axis.axhline(0.95, color=BLACK, lw=0.6)
    axis.set_ylim(0, 1.03)
    axis.set_ylabel("share that hold the truth")
    axis.legend(loc="lower right")
    _sizes(axis, parts[0]["sequences"])


def draw(table: Table, figure: Figure) -> None:
    """Bias with and without a signal, and coverage."""
    axes = figure.subplots(1, 3)
    for axis, part in zip(axes, estimates(table.rows), strict=False):
        draw_estimates(axis, part)
    axes[0].legend(loc="upper right")
    draw_coverage(axes[2], coverage(table.rows))


EXPERIMENT = Experiment(
    name="residual_norm",
    title="Residual norm from finite samples",
    question="How biased is the plug-in residual norm, and do cross-fitted error bars cover?",
    columns={
        "signal": "true squared residual norm",
        "dependence": "correlation between tokens of a sequence",
        "world": "index of the draw",
        "sequences": f"sequences of {LENGTH} tokens",
        "unit": "unit of the jackknife",
        "truth": "squared residual norm of the population",
        "plug_in": "estimate ||C Sigma^{-1/2}||^2",
        "cross_fitted": "estimate over pairs of different units",
        "standard_error": "jackknife standard error of the cross-fitted estimate",
        "covered": "95% interval holds the truth",
        "predicted_bias": "noise^2 m d / n, for independent tokens",
    },
    grid=tuple(
        {"signal": signal, "dependence": dependence}
        for signal in (0.0, 1.0)
        for dependence in (0.0, 0.5)
    ),
    measure=measure,
    worlds=300,
    summarise=summarise,
    draw=draw,
)

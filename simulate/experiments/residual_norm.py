"""The residual norm from finitely many tokens: plug-in bias, and its removal by cross-fitting."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from scipy.special import stdtrit

from simulate.drawing import BLUE, GREEN, GREY, ORANGE
from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import LinearGaussianWorld, linear_gaussian_world
from simulate.moments import Moments
from simulate.sample import Sample
from simulate.sweep import Point
from simulate.table import Table
from theory import CrossFit, cross_fitted_norm, projected_residual_norm
from theory.arrays import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

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
        coverage=(
            "share of 95% intervals that hold the truth",
            lambda part: float(part.column("covered").mean()),
        ),
    )


def _bias(part: Table, column: str) -> float:
    return float(np.mean(part.column(column) - part.column("truth")))


def draw(table: Table, figure: Figure) -> None:
    """Bias against the number of sequences, and coverage by the unit of the jackknife."""
    left, right = figure.subplots(1, 2)
    summary = summarise(table)
    independent = summary.where(unit="sequence", dependence=0.0, signal=1.0)
    x = independent.column("sequences")
    left.plot(x, independent.column("predicted"), color=GREY, ls="--", label="predicted plug-in")
    left.plot(x, independent.column("plug_in_bias"), "o-", color=ORANGE, label="plug-in")
    left.errorbar(
        x,
        independent.column("cross_fit_bias"),
        yerr=1.96 * independent.column("standard_error"),
        fmt="o-",
        color=BLUE,
        capsize=2,
        label="cross-fitted",
    )
    left.axhline(0.0, color="black", lw=0.6)
    left.set(
        title="Squared residual norm (truth: 1)",
        xlabel=f"sequences of {LENGTH} tokens",
        ylabel="mean error",
        xscale="log",
        xticks=x,
        xticklabels=[f"{v:.0f}" for v in x],
    )
    left.minorticks_off()
    left.legend()
    styles = {
        ("sequence", 0.0): (BLUE, "-", "by sequence, independent tokens"),
        ("sequence", 0.5): (GREEN, "-", "by sequence, dependent tokens"),
        ("token", 0.5): (ORANGE, "--", "by token, dependent tokens"),
    }
    for (unit, dependence), (color, line, label) in styles.items():
        part = summary.where(unit=unit, dependence=dependence, signal=1.0)
        right.plot(
            part.column("sequences"), part.column("coverage"), line, marker="o", color=color,
            label=label,
        )  # fmt: skip
    right.axhline(0.95, color="black", lw=0.6)
    right.set(
        title="Coverage of 95% intervals",
        xlabel=f"sequences of {LENGTH} tokens",
        ylabel="share that hold the truth",
        xscale="log",
        ylim=(0.4, 1.02),
        xticks=x,
        xticklabels=[f"{v:.0f}" for v in x],
    )
    right.minorticks_off()
    right.legend(loc="lower right")


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

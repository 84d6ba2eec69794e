"""How label noise turns into parameter error, by the spectrum of the features."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.experiment import Experiment
from simulate.fits import closed_form
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.palette import GREY
from simulate.sample import Sample
from simulate.spectra import MARKS, SPECTRA
from simulate.spread import spread_by
from simulate.sweep import Point
from simulate.table import Table, statistic
from theory import Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = Any

DIMENSION, OUTPUTS, TOKENS, REPEATS = 16, 4, 256, 64


def measure(point: Point, rng: Generator) -> list[Row]:
    """Fit the same features again and again under fresh noise."""
    world = linear_gaussian_world(
        rng,
        layers=1,
        dimension=DIMENSION,
        outputs=OUTPUTS,
        coupling="independent",
        strength=0.0,
        spectrum_name=point["spectrum"],
        condition=point["condition"],
    )
    h = world.sample(TOKENS, rng).features
    clean = np.tile(world.optimum, (REPEATS, 1))  # all repeats side by side, as more outputs
    noise = world.noise * rng.standard_normal((TOKENS, REPEATS * OUTPUTS))
    sample = Sample(h, h @ clean.T + noise, (DIMENSION,))
    error = closed_form(sample.moments).adapter - clean
    moment = sample.moments.second_moment
    features = Spectrum.from_moment(moment)
    variance = world.noise**2 * OUTPUTS / TOKENS
    return [
        {
            **point,
            "parameter_error": float(np.sum(error**2) / REPEATS),
            "predicted": variance * features.noise_amplification,
            "floor": variance * DIMENSION**2 / features.energy,
            "prediction_error": float(np.sum((error @ moment) * error) / REPEATS),
            "predicted_prediction_error": variance * DIMENSION,
            "activation_energy": features.energy,
            "effective_rank": features.effective_rank,
        }
    ]


def summarise(table: Table) -> Table:
    """Mean errors over the worlds, beside their closed forms."""
    names = ("parameter_error", "predicted", "floor", "prediction_error", "effective_rank")
    return table.group(
        ("spectrum", "condition"),
        **{name: statistic(table.columns[name], np.mean, name) for name in names},
    )


def errors(rows: Sequence[Row]) -> dict[str, Any]:
    """Errors by condition number for each spectrum, and the closed form of the second."""
    names = ("parameter_error", "predicted", "floor", "prediction_error")
    return {
        "spectra": {
            name: spread_by("condition", [row for row in rows if row["spectrum"] == name], names)
            for name in MARKS
        },
        "predicted_prediction_error": rows[0]["predicted_prediction_error"],
    }


def draw_noise(left: Axes, right: Axes, data: dict[str, Any]) -> None:
    """Parameter error, which follows the spectrum, and prediction error, which does not."""
    left.set_title("parameter error")
    right.set_title("prediction error, same samples")
    for name, (colour, marker) in MARKS.items():
        part = data["spectra"][name]
        x = part["condition"]
        left.plot(x, part["predicted"]["mean"], color=colour, lw=0.9)
        _dots(left, x, part["parameter_error"], colour, marker, name)
        _dots(right, x, part["prediction_error"], colour, marker, name)
    flat = data["spectra"]["flat"]
    left.plot(flat["condition"], flat["floor"]["mean"], color=GREY, ls="--", label="energy floor")
    expected = data["predicted_prediction_error"]
    right.axhline(expected, color=GREY, ls="--", label=r"$s^2 m\,d/n$")
    left.set_yscale("log")
    left.set_ylabel(r"$\|\hat A - A^*\|_F^2$")
    right.set_ylim(0, 2 * expected)
    right.set_ylabel(r"$E\,\|(\hat A - A^*)h\|^2$")
    for axis in (left, right):
        axis.set_xscale("log")
        axis.set_xlabel("condition number of the inputs")
    left.legend(loc="upper left")


def _dots(
    axis: Axes, x: list[float], part: dict[str, Any], colour: str, marker: str, label: str
) -> None:
    mean = np.array(part["mean"])
    reach = np.abs(np.array([part["low"], part["high"]]) - mean)
    axis.errorbar(
        x, mean, yerr=reach, color=colour, marker=marker, ls="", elinewidth=0.7, label=label
    )


def draw(table: Table, figure: Figure) -> None:
    """Both errors against the condition number."""
    left, right = figure.subplots(1, 2)
    draw_noise(left, right, errors(table.rows))


EXPERIMENT = Experiment(
    name="noise_amplification",
    title="Noise amplification against the spectrum",
    question="At equal activation energy, how much parameter error does a spectrum make of noise?",
    columns={
        "spectrum": "shape of the eigenvalues, all of mean 1",
        "condition": "largest over smallest eigenvalue of the population",
        "world": "index of the draw",
        "parameter_error": "mean ||A_hat - A*||_F^2 over fresh noise",
        "predicted": "noise^2 m tr(Sigma_hat^-1) / n",
        "floor": "noise^2 m d^2 / (n E_act)",
        "prediction_error": "mean in-sample ||(A_hat - A*) h||^2",
        "predicted_prediction_error": "noise^2 m d / n",
        "activation_energy": "tr Sigma_hat",
        "effective_rank": "(sum lambda)^2 / sum lambda^2",
    },
    grid=tuple(
        {"spectrum": spectrum, "condition": condition}
        for spectrum in SPECTRA
        for condition in (1.0, 10.0, 100.0, 1000.0, 10000.0)
    ),
    measure=measure,
    worlds=20,
    summarise=summarise,
    draw=draw,
)

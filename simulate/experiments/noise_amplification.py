"""How label noise turns into parameter error, by the spectrum of the features."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.drawing import BLUE, GREEN, GREY, ORANGE, PINK
from simulate.experiment import Experiment
from simulate.fits import closed_form
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.sample import Sample
from simulate.spectra import SPECTRA
from simulate.sweep import Point
from simulate.table import Table
from theory import Spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

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

    def mean(name: str) -> Any:
        return (table.columns[name], lambda part: float(part.column(name).mean()))

    names = ("parameter_error", "predicted", "floor", "prediction_error", "effective_rank")
    return table.group(("spectrum", "condition"), **{name: mean(name) for name in names})


def draw(table: Table, figure: Figure) -> None:
    """Parameter error, which follows the spectrum, and prediction error, which does not."""
    left, right = figure.subplots(1, 2)
    summary = summarise(table)
    colors = dict(zip(SPECTRA, (BLUE, ORANGE, GREEN, PINK), strict=True))
    for name, color in colors.items():
        part = summary.where(spectrum=name)
        x = part.column("condition")
        left.plot(x, part.column("predicted"), color=color, label=name)
        left.plot(x, part.column("parameter_error"), "o", color=color, ms=4)
        right.plot(x, part.column("prediction_error"), "o-", color=color, ms=4)
    floor = summary.where(spectrum="flat")
    left.plot(
        floor.column("condition"), floor.column("floor"), "--", color=GREY,
        label="floor by energy alone",
    )  # fmt: skip
    right.axhline(OUTPUTS * DIMENSION / TOKENS, ls="--", color=GREY, label=r"$s^2 m d / n$")
    left.set(
        title="Parameter error (lines: closed form)",
        xlabel="condition number",
        ylabel=r"$E\,\|\hat A - A^*\|_F^2$",
        xscale="log",
        yscale="log",
    )
    right.set(
        title="In-sample prediction error",
        xlabel="condition number",
        ylabel=r"$E\,\|(\hat A - A^*)h\|^2$",
        xscale="log",
        ylim=(0.0, 2.0 * OUTPUTS * DIMENSION / TOKENS),
    )
    left.legend()
    right.legend()


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

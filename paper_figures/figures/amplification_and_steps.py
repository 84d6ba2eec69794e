"""Spectrum of the features: noise amplification, and how far a step budget reaches."""

from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.experiment import experiment
from simulate.experiments.noise_amplification import draw_noise, errors
from simulate.experiments.step_budget import draw_steps, shares
from simulate.style import TEXT, letter, panels

CAPTION = (
    "What the spectrum of a layer's inputs does, at equal activation energy (simulated, 16 inputs, "
    "4 outputs, 256 tokens). (a) Parameter error of least squares under fresh noise: dots measured "
    "(mean, middle 80% of worlds), lines the closed form noise^2 m tr(Sigma^-1)/n, dashed the "
    "floor by the energy alone (Proposition 4.1, reconstruction). (b) The prediction error on the "
    "same samples does not depend on the spectrum: the amplification is in the parameters. (c) "
    "Share of the full gain after T gradient steps of size 1/lambda_max at condition number 100: "
    "lines the closed form, dots trained, bands the middle 80% of worlds."
)
CONDITION = 100.0


def inputs(preset: Preset) -> dict[str, Step]:
    """Two sweeps of the simulator over spectra."""
    return {
        "noise": experiment("noise_amplification", preset),
        "steps": experiment("step_budget", preset),
    }


def compute(noise: Data, steps: Data) -> Data:
    """Errors by condition number and gain by number of steps, for each spectrum."""
    return {"noise": errors(noise["rows"]), "steps": shares(steps["rows"], CONDITION)}


def plot(data: Data) -> Figure:
    """Two panels on noise, one on steps."""
    figure, axes = panels(1, 3, width=TEXT, height=2.2)
    draw_noise(axes[0, 0], axes[0, 1], data["noise"])
    draw_steps(axes[0, 2], data["steps"], CONDITION)
    letter(axes.flat)
    return figure

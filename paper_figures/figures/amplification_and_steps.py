"""Spectrum of the features: noise amplification, and how far a step budget reaches."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.experiment import experiment
from paper_figures.style import BLACK, BLUE, GREEN, GREY, PURPLE, TEXT, VERMILION, letter, panels

CAPTION = (
    "What the spectrum of a layer's inputs does, at equal activation energy (simulated, 16 inputs, "
    "4 outputs, 256 tokens). (a) Parameter error of least squares under fresh noise: dots measured "
    "(mean, middle 80% of worlds), lines the closed form noise^2 m tr(Sigma^-1)/n, dashed the "
    "floor by the energy alone (Proposition 4.1, reconstruction). (b) The prediction error on the "
    "same samples does not depend on the spectrum: the amplification is in the parameters. (c) "
    "Share of the full gain after T gradient steps of size 1/lambda_max at condition number 100: "
    "lines the closed form, dots trained, bands the middle 80% of worlds."
)
SPECTRA = {
    "flat": (BLUE, "o"),
    "power": (VERMILION, "s"),
    "spiked": (GREEN, "^"),
    "step": (PURPLE, "D"),
}
CONDITION = 100.0


def inputs(preset: Preset) -> dict[str, Step]:
    """Two sweeps of the simulator over spectra."""
    return {
        "noise": experiment("noise_amplification", preset),
        "steps": experiment("step_budget", preset),
    }


def compute(noise: Data, steps: Data) -> Data:
    """Errors by condition number and gain by number of steps, for each spectrum."""
    at = [row for row in steps["rows"] if row["condition"] == CONDITION]
    return {
        "noise": {
            name: _by(
                "condition",
                [row for row in noise["rows"] if row["spectrum"] == name],
                ("parameter_error", "predicted", "floor", "prediction_error"),
            )
            for name in SPECTRA
        },
        "predicted_prediction_error": noise["rows"][0]["predicted_prediction_error"],
        "steps": {
            name: _by(
                "steps",
                [row for row in at if row["spectrum"] == name],
                ("trained", "closed_form", "bound", "steps_to_90"),
            )
            for name in SPECTRA
        },
    }


def _by(axis: str, rows: list[dict[str, Any]], names: tuple[str, ...]) -> Data:
    """Mean and middle 80% of each column at each value of ``axis``."""
    values = sorted({row[axis] for row in rows})
    result: Data = {axis: values}
    for name in names:
        groups = [np.array([row[name] for row in rows if row[axis] == v]) for v in values]
        result[name] = {
            "mean": [float(group.mean()) for group in groups],
            "low": [float(np.quantile(group, 0.1)) for group in groups],
            "high": [float(np.quantile(group, 0.9)) for group in groups],
        }
    return result


def plot(data: Data) -> Figure:
    """Two panels on noise, one on steps."""
    figure, axes = panels(1, 3, width=TEXT, height=2.2)
    _draw_noise(axes[0, 0], axes[0, 1], data)
    _draw_steps(axes[0, 2], data["steps"])
    letter(axes.flat)
    return figure


def _draw_noise(left: Axes, right: Axes, data: Data) -> None:
    left.set_title("parameter error")
    right.set_title("prediction error, same samples")
    for name, (colour, marker) in SPECTRA.items():
        part = data["noise"][name]
        x = part["condition"]
        left.plot(x, part["predicted"]["mean"], color=colour, lw=0.9)
        _dots(left, x, part["parameter_error"], colour, marker, name)
        _dots(right, x, part["prediction_error"], colour, marker, name)
    flat = data["noise"]["flat"]
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


def _dots(axis: Axes, x: list[float], part: Data, colour: str, marker: str, label: str) -> None:
    mean = np.array(part["mean"])
    reach = np.abs(np.array([part["low"], part["high"]]) - mean)
    axis.errorbar(
        x, mean, yerr=reach, color=colour, marker=marker, ls="", elinewidth=0.7, label=label
    )


def _draw_steps(axis: Axes, data: Data) -> None:
    axis.set_title(f"step budget, condition {CONDITION:.0f}")
    for name, (colour, marker) in SPECTRA.items():
        part = data[name]
        trained, exact = part["trained"], part["closed_form"]
        axis.fill_between(
            part["steps"], trained["low"], trained["high"], color=colour, alpha=0.18, lw=0
        )
        axis.plot(part["steps"], exact["mean"], color=colour)
        axis.plot(part["steps"], trained["mean"], color=colour, marker=marker, ls="", ms=2.5)
    axis.axhline(0.9, color=BLACK, lw=0.6)
    axis.text(1, 0.91, "90%", va="bottom", fontsize=6.2)
    axis.set_xscale("log")
    axis.set_ylim(0, 1.05)
    axis.set_xlabel("gradient steps")
    axis.set_ylabel("share of the full gain")

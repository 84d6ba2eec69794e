"""Spreading: it raises the gain when coupling is redundant, lowers it when it is synergistic."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.experiment import experiment
from simulate.experiments.spreading import MARKS, TITLES, draw_gain, gain_curve
from simulate.palette import BLUE, GREEN, VERMILION
from simulate.style import TEXT, letter, panels
from theory.spreading.spacing import even_gain, gap_gain

CAPTION = (
    "Where to put 4 of 24 layers whose coupling falls exponentially with distance (simulated). "
    "Horizontal: coupling rho, negative where synergistic. (a) Every layer pulls the same way: "
    "spreading wins when coupling is redundant and loses when it is synergistic, while the gain "
    "that distance guarantees (dotted) always rises with spreading (Theorem 5.2, reconstruction). "
    "(b) No common direction: on average coupling helps in both signs, and the best set is far "
    "above both; bars are standard errors over worlds. (c) Exact gain of three redundant layers "
    "with the outer ones fixed (extension): the middle one belongs in the middle."
)
DECAYS = (0.3, 0.6, 0.9)
SPAN = 8.0


def inputs(preset: Preset) -> dict[str, Step]:
    """The simulator's sweep over sign and strength."""
    return {"sweep": experiment("spreading", preset)}


def compute(sweep: Data) -> Data:
    """Mean gain by signed coupling, and the exact gain by the position of the middle layer."""
    curves = [
        gain_curve(target, placement, sweep["rows"]) for target in TITLES for placement in MARKS
    ]
    middle = np.linspace(0.0, SPAN, 81)
    gaps = np.stack([middle, SPAN - middle], axis=-1)
    exact = [
        {
            "decay": decay,
            "gain": np.asarray(gap_gain(gaps, decay)).tolist(),
            "best": float(even_gain(SPAN, 2, decay)),
        }
        for decay in DECAYS
    ]
    return {
        "curves": curves,
        "spacing": {"span": SPAN, "middle": middle.tolist(), "curves": exact},
        "worlds": sweep["options"]["worlds"],
    }


def plot(data: Data) -> Figure:
    """Gains for two kinds of target, and the exact spacing."""
    figure, axes = panels(1, 3, width=TEXT, height=2.3)
    for axis, (target, title) in zip(axes[0, :2], TITLES.items(), strict=True):
        axis.set_title(title)
        draw_gain(axis, [curve for curve in data["curves"] if curve["target"] == target])
    axes[0, 0].legend(loc="upper right")
    _draw_spacing(axes[0, 2], data["spacing"])
    letter(axes.flat)
    return figure


def _draw_spacing(axis: Axes, data: Data) -> None:
    axis.set_title("exact spacing, three layers")
    for curve, colour, marker in zip(data["curves"], (BLUE, GREEN, VERMILION), "o^s", strict=True):
        axis.plot(data["middle"], curve["gain"], color=colour)
        axis.plot(data["span"] / 2, curve["best"], color=colour, marker=marker, ms=4)
        axis.annotate(
            rf"$a={curve['decay']}$",
            (data["span"] / 2, curve["best"]),
            xytext=(0, -4),
            textcoords="offset points",
            ha="center",
            va="top",
            color=colour,
        )
    axis.set_xlabel("position of the middle layer")
    axis.set_ylabel(r"gain at coupling $a^{|i-j|}$")
    axis.set_ylim(0.4)

"""Spreading: it raises the gain when coupling is redundant, lowers it when it is synergistic."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.experiment import experiment
from paper_figures.style import BLACK, BLUE, GREEN, GREY, TEXT, VERMILION, letter, panels
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
PLACEMENTS = {
    "contiguous": (VERMILION, "s"),
    "spread": (BLUE, "o"),
    "best": (GREEN, "^"),
}
DECAYS = (0.3, 0.6, 0.9)
SPAN = 8.0


def inputs(preset: Preset) -> dict[str, Step]:
    """The simulator's sweep over sign and strength."""
    return {"sweep": experiment("spreading", preset)}


def compute(sweep: Data) -> Data:
    """Mean gain by signed coupling, and the exact gain by the position of the middle layer."""
    curves = [
        _curve(target, placement, sweep["rows"])
        for target in ("uniform", "isotropic")
        for placement in PLACEMENTS
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


def _curve(target: str, placement: str, rows: list[dict[str, Any]]) -> Data:
    rows = [row for row in rows if row["target"] == target and row["placement"] == placement]
    signed = sorted({row["sign"] * row["strength"] for row in rows})
    at = [[row for row in rows if row["sign"] * row["strength"] == rho] for rho in signed]
    gains = [np.array([row["gain"] for row in group]) for group in at]
    promised = [np.array([row["guaranteed"] for row in group]) for group in at]
    return {
        "target": target,
        "placement": placement,
        "rho": signed,
        "gain": [float(g.mean()) for g in gains],
        "error": [float(g.std(ddof=1) / np.sqrt(len(g))) for g in gains],
        "guaranteed": [float(g.mean()) for g in promised],
    }


def plot(data: Data) -> Figure:
    """Gains for two kinds of target, and the exact spacing."""
    figure, axes = panels(1, 3, width=TEXT, height=2.3)
    titles = {"uniform": "layers pull the same way", "isotropic": "no common direction"}
    for axis, (target, title) in zip(axes[0, :2], titles.items(), strict=True):
        axis.set_title(title)
        _draw_gain(axis, [curve for curve in data["curves"] if curve["target"] == target])
    axes[0, 0].legend(loc="upper right")
    _draw_spacing(axes[0, 2], data["spacing"])
    letter(axes.flat)
    return figure


def _draw_gain(axis: Axes, curves: list[Data]) -> None:
    for curve in curves:
        colour, marker = PLACEMENTS[curve["placement"]]
        rho, gain, error, guaranteed = (
            np.array(curve[name]) for name in ("rho", "gain", "error", "guaranteed")
        )
        for side in (rho < 0, rho > 0):  # different worlds: not one line
            axis.errorbar(
                rho[side],
                gain[side],
                yerr=error[side],
                color=colour,
                marker=marker,
                elinewidth=0.7,
                label=curve["placement"] if side[-1] else None,
            )
            if curve["placement"] != "best":
                axis.plot(rho[side], guaranteed[side], color=colour, ls=":", lw=1)
    axis.plot([], [], color=GREY, ls=":", label="guaranteed")
    axis.axvline(0, color=BLACK, lw=0.5)
    axis.set_yscale("log", base=2)
    axis.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    axis.set_xlabel(r"synergistic  $\leftarrow$  coupling $\rho$  $\rightarrow$  redundant")
    axis.set_ylabel("gain of 4 of 24 layers")


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

"""Additivity: joint gain against the sum of single gains, as coupling grows in either sign."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from paper_figures.steps.experiment import experiment
from paper_figures.style import (
    BLACK,
    BLUE,
    GREY,
    MARKERS,
    ORANGE,
    PURPLE,
    TEXT,
    VERMILION,
    letter,
    panels,
)

CAPTION = (
    "How far single gains add up, in simulated networks of 12 layers and on real models. (a, b) "
    "Joint gain over the sum of single gains against the coupling rho, for redundant and for "
    "synergistic coupling; bands hold all simulated worlds, lines are medians. Grey: the bounds "
    "1/(1 - rho) and 1/(1 + rho) (Theorem 3.2, reconstruction), which say nothing above rho = 1. "
    "Dashed: our signed bounds. Stars: measured cards, coupling within their directions. (c) Loss "
    "in excess of the joint optimum when every layer is trained alone and all are inserted "
    "together, with its bound."
)
TARGETS = {
    "isotropic": (BLUE, "isotropic target"),
    "strongest": (ORANGE, "along largest eigenvalue"),
    "weakest": (PURPLE, "along smallest eigenvalue"),
}
SIGNS = ("redundant", "synergistic")


def inputs(preset: Preset) -> dict[str, Step]:
    """The simulator's sweep over coupling, and every card."""
    return {"sweep": experiment("additivity", preset), **cards(preset, preset.models)}


def compute(sweep: Data, **measured: Data) -> Data:
    """Range of the ratio and of the excess loss at each coupling; the cards' own ratio."""
    curves: list[Data] = []
    for sign in SIGNS:
        for target in TARGETS:
            rows = [r for r in sweep["rows"] if r["coupling"] == sign and r["target"] == target]
            curves.append({"sign": sign, "target": target, **_ranges(rows)})
    points = [_point(item["model"], item["task"], item["card"]) for item in measured.values()]
    return {"curves": curves, "cards": points, "worlds": sweep["options"]["worlds"]}


def _ranges(rows: list[dict[str, Any]]) -> Data:
    """Smallest, median and largest at each coupling, and the bounds there."""
    strengths = sorted({row["strength"] for row in rows})
    at = [[row for row in rows if row["strength"] == strength] for strength in strengths]
    result: Data = {"rho": strengths}
    for name in ("ratio", "excess_loss"):
        values = [[row[name] for row in group] for group in at]
        result[name] = {
            "low": [min(group) for group in values],
            "median": [float(np.median(group)) for group in values],
            "high": [max(group) for group in values],
        }
    for name in ("signed_lower", "signed_upper", "excess_loss_bound"):
        result[name] = [group[0][name] for group in at]
    return result


def _point(model: str, task: str, card: Data) -> Data:
    record = card["additivity"]
    alignment = card["coupling"]["alignment"]
    return {
        "model": model,
        "task": task,
        "rho": card["coupling"]["rho"],
        "ratio": record["gain"] / record["sum_of_gains"],
        "signed_lower": record["signed_lower"] / record["sum_of_gains"],
        "sign": SIGNS[0] if alignment is None or alignment >= 0 else SIGNS[1],
    }


def plot(data: Data) -> Figure:
    """Ratio for each sign, and the excess loss."""
    figure, axes = panels(1, 3, width=TEXT, height=2.6)
    for axis, sign in zip(axes[0, :2], SIGNS, strict=True):
        _draw_ratio(axis, data, sign)
    axes[0, 0].set_ylabel("joint gain / sum of single gains")
    _draw_excess(axes[0, 2], data)
    letter(axes.flat)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _draw_ratio(axis: Axes, data: Data, sign: str) -> None:
    axis.set_title(f"{sign} coupling")
    rho = np.geomspace(0.03, 0.985, 200)
    axis.fill_between(rho, 1 / (1 + rho), 1 / (1 - rho), color="#F0F0F0", zorder=0)
    axis.plot(rho, 1 / (1 - rho), color=GREY, lw=0.9, label=r"$1/(1\mp\rho)$, needs $\rho<1$")
    axis.plot(rho, 1 / (1 + rho), color=GREY, lw=0.9)
    curves = [curve for curve in data["curves"] if curve["sign"] == sign]
    for name in ("signed_lower", "signed_upper"):
        label = "signed bounds" if name == "signed_lower" else None
        bound = np.array(curves[0][name], dtype=float)
        axis.plot(
            curves[0]["rho"], bound, color=VERMILION, lw=0.9, ls=(0, (4, 3)), label=label, zorder=4
        )
    for index, curve in enumerate(curves):
        colour, label = TARGETS[curve["target"]]
        ratio = curve["ratio"]
        axis.fill_between(curve["rho"], ratio["low"], ratio["high"], color=colour, alpha=0.2, lw=0)
        axis.plot(
            curve["rho"], ratio["median"], color=colour, marker=MARKERS[index], ms=2.5, label=label
        )
    points = [point for point in data["cards"] if point["sign"] == sign]
    axis.plot(
        [point["rho"] for point in points],
        [point["ratio"] for point in points],
        ls="",
        marker="*",
        ms=7,
        mec="white",
        mew=0.5,
        color=BLACK,
        label="measured cards",
        zorder=5,
    )
    axis.axhline(1, color=BLACK, lw=0.5)
    axis.set_xscale("log")
    axis.set_yscale("log", base=2)
    lowest = min([0.25, *(0.8 * point["ratio"] for point in data["cards"])])
    axis.set_ylim(lowest, 24)
    largest = max([3.0, *(1.3 * point["rho"] for point in points)])
    axis.set_xlim(0.035, largest)
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if y >= 1 else f"1/{1 / y:g}")
    axis.set_xlabel(r"coupling $\rho$")


def _draw_excess(axis: Axes, data: Data) -> None:
    axis.set_title("layers trained alone")
    rho = np.geomspace(0.03, 0.985, 200)
    axis.plot(rho, rho**2 / (1 - rho), color=GREY, lw=0.9)
    for curve in data["curves"]:
        colour, _ = TARGETS[curve["target"]]
        dashed = "-" if curve["sign"] == "redundant" else ":"
        axis.plot(curve["rho"], curve["excess_loss"]["median"], color=colour, ls=dashed, lw=1)
    axis.plot([], [], color=BLACK, label="redundant")
    axis.plot([], [], color=BLACK, ls=":", label="synergistic")
    axis.plot([], [], color=GREY, lw=0.9, label=r"bound $\rho^2/(1-\rho)$")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.set_xlabel(r"coupling $\rho$")
    axis.set_ylabel("excess loss / sum of single gains")
    axis.legend(loc="upper left")

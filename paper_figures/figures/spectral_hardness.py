"""Spectral hardness: how soon a layer has its gain, predicted by its spectrum and trained."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from paper_figures.steps.single_layers import single_layers
from simulate.palette import BLACK, CYCLE, GREY, MARKERS
from simulate.style import TEXT, letter, panels
from theory.quadratic.block_slices import block_slices

CAPTION = (
    "Does the spectrum of a layer's curvature say how soon it has its gain (Proposition 4.1, "
    "reconstruction, 4c)? (a) Share of the gain of the longest run after runs of T steps, single "
    "layers: dots trained (held-out, each run with its own schedule), lines predicted by 4c in "
    "Adam's metric with the spectrum and the gradient of the card's tangent model, dashed the "
    "bound tau ||gradient||^2, tau the sum of the learning rates. (b) Where the bound decides: "
    "share of the planned run's step budget below which it promises less than the whole run gains "
    "in the model, layer by layer. Above that it says nothing. Both speak of the model: shares are "
    "drawn, for training gains more of a single layer than either."
)


def inputs(preset: Preset) -> dict[str, Step]:
    """Cards, and single layers of the first of them trained."""
    return {**cards(preset, preset.models[:2]), "trained": single_layers(preset)}


def compute(trained: Data, **measured: Data) -> Data:
    """Curves of the trained layers, and the bound's reach on every card."""
    own = next(
        item
        for item in measured.values()
        if (item["model"], item["task"]) == (trained["model"], trained["task"])
    )
    spectra = _spectra(own["card"])
    layers = [layer["layer"] for layer in own["card"]["layers"]]
    lengths = sorted({row["steps"] for row in trained["rows"]})
    rate = own["card"]["tangent"]["protocol"]["learning_rate"]
    curves = []
    for layer in dict.fromkeys(row["layer"] for row in trained["rows"]):
        gains = {row["steps"]: row["gain"] for row in trained["rows"] if row["layer"] == layer}
        lam, c = spectra[layers.index(layer)]
        model = [steps_gain(lam, c, rate, steps) for steps in lengths]
        bound = [_time(rate, steps) * float(c @ c) for steps in lengths]
        curves.append(
            {
                "layer": layer,
                "steps": lengths,
                "trained": [gains[steps] for steps in lengths],
                "predicted": model,
                "bound": bound,
            }
        )
    return {
        "model": own["model"],
        "task": own["task"],
        "curves": curves,
        "reach": [_reach(item) for item in measured.values()],
    }


def steps_gain(lam: Any, c: Any, rate: float, steps: int) -> float:
    """4c for a rate that falls linearly to zero: ``1/2 sum c^2/lam (1 - prod (1 - eta lam)^2)``.

    Where a step is beyond ``1/lam`` the direction counts as finished, and a direction without
    curvature gains ``tau c^2``.

    Examples
    --------
    >>> c = np.array([2.0])
    >>> round(steps_gain(np.array([0.5]), c, 1.0, 1), 12)  # 1/2 * 4/0.5 * (1 - 0.5**2)
    3.0
    >>> steps_gain(np.array([0.0]), c, 0.1, 1)
    0.4
    """
    tau = _time(rate, steps)
    rates = rate * (1 - np.arange(steps) / steps)
    with np.errstate(divide="ignore"):
        left = 2 * np.log1p(-np.minimum(np.outer(rates, lam), 1.0)).sum(axis=0)
    flat = lam * tau < 1e-9
    reached = np.where(flat, 2 * tau, -np.expm1(left) / np.where(flat, 1.0, lam))
    return float(0.5 * np.sum(c**2 * reached))


def _time(rate: float, steps: int) -> float:
    """Sum of learning rates that fall linearly to zero."""
    return rate * (steps + 1) / 2


def _spectra(card: Data) -> list[tuple[Any, Any]]:
    """Eigenvalues of each layer's curvature without its ridge, and the gradient along them."""
    tangent = card["tangent"]
    g, H = (np.array(tangent[name], dtype=float) for name in ("gradient", "curvature"))
    found: list[tuple[Any, Any]] = []
    for own in block_slices(tangent["sizes"]):
        lam, V = np.linalg.eigh(H[own, own])
        ridge = 1 / (2 * tangent["protocol"]["time"])
        found.append(((lam - ridge).clip(min=0.0), V.T @ g[own]))
    return found


def _reach(item: Data) -> Data:
    protocol = item["card"]["tangent"]["protocol"]
    rate, steps = protocol["learning_rate"], int(protocol["steps"])
    shares: list[float] = []
    for lam, c in _spectra(item["card"]):
        slope = float(c @ c)
        share = steps_gain(lam, c, rate, steps) / slope / protocol["time"] if slope > 0 else 1.0
        shares.append(min(share, 1.0))
    return {
        "model": item["model"],
        "task": item["task"],
        "layer": [layer["layer"] for layer in item["card"]["layers"]],
        "share": shares,
    }


def plot(data: Data) -> Figure:
    """Curves on the left, where the bound decides on the right."""
    figure, axes = panels(1, 2, width=TEXT, height=2.9)
    axis, other = axes[0]
    for index, curve in enumerate(data["curves"]):
        _draw(axis, curve, index)
    axis.plot([], [], color=GREY, label="predicted (4c)")
    axis.plot([], [], color=GREY, ls="--", lw=0.7, label="bound")
    axis.plot([], [], color=GREY, ls="", marker="o", mfc="none", ms=4, label="trained")
    axis.set(xscale="log", xlabel="steps of the run, T", ylim=(0, 1.3))
    axis.set_xticks(data["curves"][0]["steps"], data["curves"][0]["steps"])
    axis.minorticks_off()
    axis.set_ylabel("share of the longest run's gain")
    axis.set_title(f"single layers of {data['model']} on {data['task']}")
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3)
    for index, found in enumerate(data["reach"]):
        other.plot(
            np.array(found["layer"]) / max(found["layer"]),
            found["share"],
            color=CYCLE[index % len(CYCLE)],
            marker=MARKERS[index % len(MARKERS)],
            label=f"{found['model']} {found['task']}",
        )
    other.set(ylim=(0, 1), xlabel="depth (first to last layer)")
    other.set_ylabel("share of the step budget")
    other.yaxis.set_major_formatter(lambda y, _: f"{y:.0%}")
    middle = float(np.median([share for found in data["reach"] for share in found["share"]]))
    other.set_title(f"the bound decides below; median {middle:.0%}")
    other.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    letter(axes.flat)
    return figure


def _draw(axis: Axes, curve: Data, index: int) -> None:
    colour = CYCLE[index]
    steps, last = curve["steps"], curve["predicted"][-1]
    whole = curve["trained"][-1]
    if whole > 0:
        share = np.array(curve["trained"]) / whole
        axis.plot(steps, share, ls="", marker=MARKERS[index], color=colour, ms=4, mfc="none")
    axis.plot(
        steps, np.array(curve["predicted"]) / last, color=colour, label=f"layer {curve['layer']}"
    )
    axis.plot(steps, np.array(curve["bound"]) / last, color=colour, ls="--", lw=0.7)
    axis.axhline(1.0, color=BLACK, lw=0.5)

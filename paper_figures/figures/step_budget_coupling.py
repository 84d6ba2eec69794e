"""Where the paper's regime begins: coupling over the step budget, with real cards."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from simulate.palette import BLACK, CYCLE, GREY, MARKERS
from simulate.style import TEXT, letter, panels
from theory import BlockQuadratic, budget_coupling

CAPTION = (
    "For how long a run is Theorem 3.2's hypothesis true? (a) Coupling rho of each card's tangent "
    "model over the step budget tau, the sum of the learning rates: its ridge 1/(2 tau) falls as "
    "the run gets longer. Dashed: the bound from rho and the layers' curvatures (extension, 11a); "
    "dotted: the bound without a measurement of rho (11b). Markers: the run that the card plans. "
    "Below the line at 1 gains are additive in the paper's sense. (b) The budget at which rho "
    "reaches 1 in the model, and up to which the bounds prove that it does not (11a shows the "
    "better of both); crosses: the planned run; ticks: one step of it. Coupling is within each "
    "card's directions, where it is no larger than in all of them."
)
POINTS = 33


def inputs(preset: Preset) -> dict[str, Step]:
    """Cards of the first two models on every task."""
    return cards(preset, preset.models[:2])


def compute(**measured: Data) -> Data:
    """Coupling and its bounds over the step budget, for each card."""
    return {"curves": [_curve(item) for item in measured.values()]}


def _curve(item: Data) -> Data:
    tangent = item["card"]["tangent"]
    planned = float(tangent["protocol"]["time"])
    g, H = (np.array(tangent[name], dtype=float) for name in ("gradient", "curvature"))
    sizes = tuple(tangent["sizes"])
    F = H - np.eye(len(g)) / (2 * planned)
    whole = BlockQuadratic(g, H, sizes)
    lam = np.array([np.linalg.eigvalsh(F[own, own])[-1] for own in whole.slices]).clip(min=0.0)

    def coupling(tau: float) -> float:
        return BlockQuadratic(g, F + np.eye(len(g)) / (2 * tau), sizes).coupling

    grid = np.geomspace(1e-6 * planned, planned, POINTS).tolist()
    rho = [coupling(tau) for tau in grid]
    records = [budget_coupling(lam, tau, whole.coupling, reference=planned) for tau in grid]
    last = records[-1]
    return {
        "model": item["model"],
        "task": item["task"],
        "planned": planned,
        "one_step": float(tangent["protocol"]["learning_rate"]),
        "budget": grid,
        "coupling": rho,
        "measured_bound": [record.measured_bound for record in records],
        "certain_bound": [record.certain_bound for record in records],
        "crossing": _crossing(coupling, grid, rho),
        "additive_budget": last.additive_budget if np.isfinite(last.additive_budget) else None,
        "certain_budget": last.certain_budget if np.isfinite(last.certain_budget) else None,
    }


def _crossing(coupling: Any, grid: list[float], rho: list[float]) -> float | None:
    """The budget at which the coupling, which rises with it (11a), reaches 1."""
    above = [at for at, value in enumerate(rho) if value >= 1]
    if not above or above[0] == 0:
        return None
    low, high = grid[above[0] - 1], grid[above[0]]
    for _ in range(12):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if coupling(middle) < 1 else (low, middle)
    return high


def plot(data: Data) -> Figure:
    """Curves on the left, where each crosses 1 on the right."""
    curves = data["curves"]
    figure, axes = panels(1, 2, width=TEXT, height=2.3 + 0.12 * len(curves), width_ratios=[1.15, 1])
    for index, curve in enumerate(curves):
        _draw(axes[0, 0], curve, index)
        _place(axes[0, 1], curve, len(curves) - 1 - index)
    axis = axes[0, 0]
    axis.axhline(1.0, color=BLACK, lw=0.8)
    for ls, label in (("--", r"bound, $\rho$ measured (11a)"), (":", "bound without it (11b)")):
        axis.plot([], [], color=GREY, ls=ls, lw=0.8, label=label)
    axis.plot([], [], color=GREY, ls="", marker="o", mfc="none", ms=5, label="planned run")
    axis.set(xscale="log", yscale="log", xlabel=r"step budget $\tau$ (sum of learning rates)")
    axis.set_ylim(1e-2, 3 * max(max(curve["coupling"]) for curve in curves))
    axis.set_ylabel(r"coupling $\rho$")
    axis.set_title("coupling grows with the run")
    other = axes[0, 1]
    names = [f"{curve['model']} {curve['task']}" for curve in reversed(curves)]
    other.set_yticks(range(len(curves)), names)
    other.set_ylim(-0.6, len(curves) - 0.4)
    other.set(xscale="log", xlabel=r"step budget $\tau$")
    known = [curve["crossing"] / curve["one_step"] for curve in curves if curve["crossing"]]
    within = f": at {100 * max(known):.0f}% of one step" if known and max(known) < 1 else ""
    other.set_title(rf"$\rho < 1$ ends{within}" + (" or before" if within else ""))
    for axis in axes.flat:
        handles, labels = axis.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        axis.legend(
            unique.values(), unique.keys(), loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2
        )
    letter(axes.flat)
    return figure


def _draw(axis: Axes, curve: Data, index: int) -> None:
    colour, marker = CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)]
    label = f"{curve['model']} {curve['task']}"
    axis.plot(curve["budget"], curve["coupling"], color=colour, label=label)
    axis.plot(curve["budget"], curve["measured_bound"], color=colour, ls="--", lw=0.7)
    axis.plot(curve["budget"], curve["certain_bound"], color=colour, ls=":", lw=0.8)
    axis.plot(
        curve["planned"], curve["coupling"][-1], color=colour, marker=marker, ms=5, mfc="none"
    )


def _place(axis: Axes, curve: Data, at: int) -> None:
    kinds = (
        ("certain_budget", "^", "proved without rho (11b)"),
        ("additive_budget", "s", "proved (11a or 11b)"),
        ("crossing", "o", "in the model"),
        ("one_step", "|", "one step"),
        ("planned", "x", "planned run"),
    )
    for index, (name, marker, label) in enumerate(kinds):
        if curve[name] is not None:
            colour = GREY if marker in "|x" else CYCLE[index]
            first = name == "certain_budget"  # often where 11a is, too
            style: dict[str, Any] = {"ms": 8, "mfc": "none"} if first else {"ms": 5}
            axis.plot(curve[name], at, ls="", marker=marker, color=colour, label=label, **style)

"""Spread, contiguous and best placements, by the sign of the coupling: when spreading helps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.coupling_patterns import coupling_pattern
from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.palette import BLACK, BLUE, GREEN, GREY, VERMILION
from simulate.placement_rules import RULES
from simulate.sweep import Point
from simulate.table import Table, finite, statistic
from theory import coupling_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = Any

LAYERS, SIZE, REACH = 24, 4, 2.0
STRENGTHS = {1: (0.1, 0.3, 0.6, 0.9, 1.3, 1.8, 2.3), -1: (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95)}
MARKS = {"contiguous": (VERMILION, "s"), "spread": (BLUE, "o"), "best": (GREEN, "^")}
TITLES = {"uniform": "layers pull the same way", "isotropic": "no common direction"}
COMPARED = {"contiguous": "middle", "spread": "uniform", "best": "exact"}


def measure(point: Point, rng: Generator) -> list[Row]:
    """Gains of three placements at every strength, for the same draw."""
    seed = int(rng.integers(2**63))
    sign = point["sign"]
    rows: list[Row] = []
    for strength in STRENGTHS[sign]:
        quadratic = linear_gaussian_world(
            np.random.default_rng(seed),
            layers=LAYERS,
            dimension=1 if point["target"] == "uniform" else 2,
            coupling="exponential",
            reach=REACH,
            sign=sign,
            strength=strength,
            target=point["target"],
        ).quadratic
        kappa = strength * np.abs(coupling_pattern("exponential", LAYERS, reach=REACH)[0])
        for placement, rule in COMPARED.items():
            layers = RULES[rule](quadratic, SIZE, rng)
            part = quadratic.restrict(layers)
            gap = int(np.diff(layers).min())
            bound = coupling_bound(kappa.tolist().__getitem__, gap, LAYERS)
            total = 0.5 * float(np.sum(part.residual_norms**2))
            rows.append(
                {
                    **point,
                    "strength": strength,
                    "placement": placement,
                    "layers": list(layers),
                    "gain": quadratic.gain(layers),
                    "sum_of_gains": total,
                    "coupling_inside": part.coupling,
                    "coupling_bound": bound,
                    "guaranteed": total / (1.0 + bound),
                    "at_most": finite(total / (1.0 - bound)) if bound < 1.0 else None,
                }
            )
    return rows


def summarise(table: Table) -> Table:
    """Mean gain and mean guarantee of each placement."""
    return table.group(
        ("sign", "target", "strength", "placement"),
        gain=statistic("mean gain", np.mean, "gain"),
        guaranteed=statistic("mean gain guaranteed by distance (6, 12e)", np.mean, "guaranteed"),
        coupling_inside=statistic("mean rho_S within the placement", np.mean, "coupling_inside"),
    )


def gain_curve(target: str, placement: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Mean gain, its standard error and what distance guarantees, by signed coupling."""
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


def draw_gain(axis: Axes, curves: Sequence[dict[str, Any]]) -> None:
    """Gain of each placement against signed coupling; dotted: guaranteed by distance."""
    for curve in curves:
        colour, marker = MARKS[curve["placement"]]
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


def draw(table: Table, figure: Figure) -> None:
    """Gain against signed coupling, a panel for each target."""
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (target, title) in zip(axes, TITLES.items(), strict=True):
        axis.set_title(title)
        draw_gain(axis, [gain_curve(target, placement, table.rows) for placement in MARKS])
    axes[0].legend(loc="upper right")


EXPERIMENT = Experiment(
    name="spreading",
    title="Spread against contiguous against best, by the sign of the coupling",
    question="When does spreading the tuned layers raise the gain, and when only its guarantee?",
    columns={
        "sign": "sign of the coupling",
        "target": "uniform: every layer the same sign; isotropic: none",
        "world": "index of the draw",
        "strength": "rho of all layers",
        "placement": "which layers are tuned",
        "layers": "the tuned layers",
        "gain": "G(S)",
        "sum_of_gains": "sum of single gains of S",
        "coupling_inside": "rho_S",
        "coupling_bound": "its bound by distance (12e)",
        "guaranteed": "lower bound on the gain from that",
        "at_most": "upper bound on the gain from that; none where the bound is 1 or more",
    },
    grid=tuple(
        {"sign": sign, "target": target} for sign in (1, -1) for target in ("uniform", "isotropic")
    ),
    measure=measure,
    worlds=20,
    summarise=summarise,
    draw=draw,
)

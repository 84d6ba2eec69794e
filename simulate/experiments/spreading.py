"""Spread, contiguous and best placements, by the sign of the coupling: when spreading helps."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.coupling_patterns import coupling_pattern
from simulate.drawing import BLUE, GREEN, GREY, ORANGE
from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.placement_rules import RULES
from simulate.sweep import Point
from simulate.table import Table, finite
from theory import coupling_bound

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

LAYERS, SIZE, REACH = 24, 4, 2.0
STRENGTHS = {1: (0.1, 0.3, 0.6, 0.9, 1.3, 1.8, 2.3), -1: (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95)}
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
        gain=("mean gain", lambda part: float(part.column("gain").mean())),
        guaranteed=(
            "mean gain guaranteed by distance (6, 12e)",
            lambda part: float(part.column("guaranteed").mean()),
        ),
        coupling_inside=(
            "mean rho_S within the placement",
            lambda part: float(part.column("coupling_inside").mean()),
        ),
    )


def draw(table: Table, figure: Figure) -> None:
    """Gain against coupling, a panel for each sign and target."""
    titles = {
        (1, "uniform"): "Redundant",
        (-1, "uniform"): "Synergistic",
        (1, "isotropic"): "Isotropic target, positive",
        (-1, "isotropic"): "Isotropic target, negative",
    }
    figure.set_size_inches(9.6, 3.0)
    panels = figure.subplots(1, 4, sharey=True)
    colors = {"best": GREEN, "contiguous": ORANGE, "spread": BLUE}
    summary = summarise(table)
    for axes, ((sign, target), title) in zip(panels, titles.items(), strict=True):
        for placement, color in colors.items():
            part = summary.where(sign=sign, target=target, placement=placement)
            x = part.column("strength")
            width = 4.0 if placement == "best" else 1.6
            axes.plot(x, part.column("gain"), "o-", ms=3, lw=width, color=color, label=placement)
            if placement != "best":
                axes.plot(x, part.column("guaranteed"), ":", color=color, lw=1.2)
        axes.axhline(SIZE / 2, color=GREY, lw=0.8, ls="--")
        axes.set(title=title, xlabel=r"coupling $\rho$", yscale="log")
        axes.set_yticks([0.5, 1, 2, 4, 8, 16], ["0.5", "1", "2", "4", "8", "16"])
        axes.minorticks_off()
    panels[0].set_ylabel(f"gain of {SIZE} of {LAYERS} layers\n(dotted: guaranteed)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)


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

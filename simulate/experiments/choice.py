"""Rules that choose layers: regret against the exact optimum, and what their guarantees say."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.palette import BLUE, GREEN, GREY, ORANGE, SKY
from simulate.placement_rules import RULES
from simulate.sweep import Point
from simulate.table import Reduction, Table, statistic
from theory import certificate, exact_search
from theory.choice.greedy_share import greedy_lower_by_steps
from theory.choice.placement import (
    additive_lower,
    additive_lower_by_coupling,
    greedy_lower_by_coupling,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

LAYERS, SIZE = 16, 4
COMPARED = ("random", "uniform", "residual", "greedy", "exact")
STRENGTHS = {1: (0.2, 0.5, 1.0, 1.5, 2.0, 2.5), -1: (0.2, 0.4, 0.6, 0.8, 0.9, 0.97)}


def measure(point: Point, rng: Generator) -> list[Row]:
    """Every rule on one world at every strength."""
    seed = int(rng.integers(2**63))
    rows: list[Row] = []
    for strength in STRENGTHS[point["sign"]]:
        quadratic = linear_gaussian_world(
            np.random.default_rng(seed),
            layers=LAYERS,
            dimension=2,
            coupling="exponential",
            sign=point["sign"],
            strength=strength,
        ).quadratic
        best = exact_search(quadratic, SIZE)
        certified = certificate(quadratic, SIZE)
        low, high = (1.0 + mu for mu in quadratic.coupling_range)
        rho = quadratic.coupling
        # What a rule promises before it is known what it chose: 8b, 12f, and by rho alone.
        promises = {
            "residual": (additive_lower(low, high, 1.0), additive_lower_by_coupling(rho, 1.0)),
            "greedy": (greedy_lower_by_steps(low, SIZE, 1.0), greedy_lower_by_coupling(rho, 1.0)),
            "exact": (1.0, 1.0),
        }
        for rule in COMPARED:
            layers = best.layers if rule == "exact" else RULES[rule](quadratic, SIZE, rng)
            promise = promises.get(rule)
            rows.append(
                {
                    **point,
                    "strength": strength,
                    "rule": rule,
                    "layers": list(layers),
                    "fraction": quadratic.gain(layers) / best.gain,
                    "certified": certified.fraction(layers),
                    "signed_guarantee": promise and float(promise[0]),
                    "paper_guarantee": promise and float(promise[1]),
                }
            )
    return rows


def summarise(table: Table) -> Table:
    """Mean and worst share of the best gain, certified share and promise."""

    def mean(name: str) -> Reduction:
        return statistic(table.columns[name], np.mean, name)

    return table.group(
        ("sign", "strength", "rule"),
        mean_fraction=statistic("mean share of the best gain", np.mean, "fraction"),
        worst_fraction=statistic("smallest share of the best gain", np.min, "fraction"),
        certified=mean("certified"),
        signed_guarantee=mean("signed_guarantee"),
        paper_guarantee=mean("paper_guarantee"),
        violations=(
            "worlds in which a guarantee failed",
            lambda part: sum(
                row["fraction"] < max(row["certified"], row["signed_guarantee"] or 0.0) - 1e-9
                for row in part.rows
            ),
        ),
    )


def draw(table: Table, figure: Figure) -> None:
    """Share of the best gain against coupling, by rule, with the guarantees dashed."""
    panels = figure.subplots(1, 2, sharey=True)
    summary = summarise(table)
    styles = {
        "greedy": (BLUE, "greedy"),
        "residual": (ORANGE, "top-k by residual norm"),
        "uniform": (GREEN, "uniform"),
        "random": (SKY, "random"),
    }
    for axes, sign in zip(panels, (1, -1), strict=True):
        for rule, (color, label) in styles.items():
            part = summary.where(rule=rule, sign=sign)
            x = part.column("strength")
            axes.plot(x, part.column("mean_fraction"), "o-", ms=3, color=color, label=label)
            axes.plot(x, part.column("certified"), ":", lw=1.2, color=color)
            if rule in ("greedy", "residual"):
                axes.plot(x, part.column("signed_guarantee"), "--", lw=1, color=color)
        axes.axhline(1.0, color=GREY, lw=0.8)
        axes.set(
            title="Positive coupling" if sign == 1 else "Negative coupling",
            xlabel=r"coupling $\rho$",
            ylim=(0.0, 1.05),
        )
    panels[0].set_ylabel("share of the best gain\n(dotted: certified, dashed: promised)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)


EXPERIMENT = Experiment(
    name="choice",
    title=f"Choosing {SIZE} of {LAYERS} layers",
    question="How much of the best gain does each rule reach, and what was certified or promised?",
    columns={
        "sign": "sign of the coupling",
        "world": "index of the draw",
        "strength": "rho",
        "rule": "placement rule",
        "layers": "its choice",
        "fraction": "its gain / the best gain",
        "certified": "certified share of the best gain (10a)",
        "signed_guarantee": "promised share, signed form; none for rules without one",
        "paper_guarantee": "guaranteed share by rho alone; 0 at rho >= 1",
    },
    grid=({"sign": 1}, {"sign": -1}),
    measure=measure,
    worlds=40,
    summarise=summarise,
    draw=draw,
)

"""How much of the gain a number of gradient steps reaches, by the spectrum of the features."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.experiment import Experiment
from simulate.fits import gradient_descent
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.palette import BLACK
from simulate.spectra import MARKS, SPECTRA
from simulate.spread import spread_by
from simulate.sweep import Point
from simulate.table import Table, statistic
from theory import LinearAdapter, StepBudget

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = Any

STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


def measure(point: Point, rng: Generator) -> list[Row]:
    """Train by gradient descent with the largest safe step; compare with the closed form."""
    world = linear_gaussian_world(
        rng,
        layers=1,
        dimension=16,
        outputs=4,
        coupling="independent",
        strength=0.0,
        spectrum_name=point["spectrum"],
        condition=point["condition"],
    )
    moments = world.moments
    budget = StepBudget.of(LinearAdapter.from_moments(-moments.cross_moment, moments.second_moment))
    full = budget.adapter.best_gain()
    fit = gradient_descent(moments, steps=STEPS[-1], step_size=budget.step_size)
    return [
        {
            **point,
            "steps": steps,
            "trained": fit.gains[steps] / full,
            "closed_form": budget.gain(steps) / full,
            "bound": min(1.0, budget.bound(steps) / full),
            "steps_to_90": budget.steps_to(0.9),
        }
        for steps in STEPS
    ]


def summarise(table: Table) -> Table:
    """Share of the gain after a few numbers of steps, and the steps to 90% of it."""

    def at(steps: int) -> Any:
        return (
            f"share of the gain after {steps} steps",
            lambda part: float(np.mean(part.where(steps=steps).column("trained"))),
        )

    return table.group(
        ("spectrum", "condition"),
        after_1=at(1),
        after_16=at(16),
        after_256=at(256),
        median_steps_to_90=statistic("steps to 90% of the gain", np.median, "steps_to_90"),
        largest_error=(
            "largest |trained - closed form|",
            lambda part: float(np.abs(part.column("trained") - part.column("closed_form")).max()),
        ),
    )


def shares(rows: Sequence[Row], condition: float) -> dict[str, Any]:
    """Share of the gain by number of steps, for each spectrum of this condition number."""
    names = ("trained", "closed_form", "bound", "steps_to_90")
    at = [row for row in rows if row["condition"] == condition]
    return {
        name: spread_by("steps", [row for row in at if row["spectrum"] == name], names)
        for name in MARKS
    }


def draw_steps(axis: Axes, data: dict[str, Any], condition: float) -> None:
    """Share of the full gain: lines the closed form, dots trained, bands the middle 80%."""
    axis.set_title(f"step budget, condition {condition:g}")
    for name, (colour, marker) in MARKS.items():
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


def draw(table: Table, figure: Figure) -> None:
    """Share of the gain against steps, a panel for each condition number."""
    conditions = [c for c in table.values("condition") if c > 1.0]
    panels = figure.subplots(1, len(conditions), sharey=True, squeeze=False)[0]
    for axes, condition in zip(panels, conditions, strict=True):
        draw_steps(axes, shares(table.rows, condition), condition)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)


EXPERIMENT = Experiment(
    name="step_budget",
    title="Gain of a step budget against the spectrum",
    question="How many gradient steps does a layer need, by the shape of its spectrum?",
    columns={
        "spectrum": "shape of the eigenvalues, all of mean 1",
        "condition": "largest over smallest eigenvalue",
        "world": "index of the draw",
        "steps": "gradient steps T of size 1/lambda_max",
        "trained": "share of the full gain, trained",
        "closed_form": "the same by theory section 4c",
        "bound": "eta T ||C||_F^2 over the full gain, at most 1",
        "steps_to_90": "steps to 90% of the gain",
    },
    grid=tuple(
        {"spectrum": spectrum, "condition": condition}
        for spectrum in SPECTRA
        for condition in (1.0, 10.0, 100.0, 1000.0)
    ),
    measure=measure,
    worlds=20,
    summarise=summarise,
    draw=draw,
)

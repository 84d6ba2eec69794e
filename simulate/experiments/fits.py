"""Realised against predicted gain: three ways to train, on the population and on samples."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.experiment import Experiment
from simulate.fits import Fit, alternating_least_squares, closed_form, gradient_descent
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.moments import Moments
from simulate.palette import BLUE, GREEN, GREY, ORANGE
from simulate.sweep import Point
from simulate.table import Table, statistic
from theory import LinearAdapter, StepBudget, additivity

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

LAYERS, DIMENSION, OUTPUTS, STEPS, RANK = 8, 4, 4, 50, 1
METHODS = ("closed form", "gradient descent", "LoRA")


def measure(point: Point, rng: Generator) -> list[Row]:
    """Train a random set of layers in every way, on n tokens or (n = None) on the population."""
    world = linear_gaussian_world(
        rng,
        layers=LAYERS,
        dimension=DIMENSION,
        outputs=OUTPUTS,
        coupling="exponential",
        sign=int(rng.choice([-1, 1])),
        strength=float(rng.uniform(0.1, 0.9)),
        noise=1.0,
    )
    size = int(rng.integers(1, LAYERS + 1))
    layers = tuple(sorted(rng.choice(LAYERS, size, replace=False).tolist()))
    if point["tokens"] is None:
        moments = world.moments
    else:
        moments = world.sample(point["tokens"], rng).moments
    bounds = additivity(world.quadratic, layers)
    rows: list[Row] = []
    for method in METHODS:
        fit = _train(method, moments, layers, rng)
        rows.append(
            {
                **point,
                "layers": list(layers),
                "coupling": bounds.coupling,
                "method": method,
                "predicted": _predicted(method, world.moments, layers),
                "realised": world.moments.reduction(fit.adapter),
                "training": fit.gain,
                "gain": bounds.gain,
                "lower": bounds.signed_lower,
                "upper": bounds.signed_upper,
            }
        )
    return rows


def _train(method: str, moments: Moments, layers: tuple[int, ...], rng: Generator) -> Fit:
    if method == "closed form":
        return closed_form(moments, layers)
    if method == "gradient descent":
        return gradient_descent(moments, layers, steps=STEPS)
    return alternating_least_squares(moments, dict.fromkeys(layers, RANK), rng, tolerance=1e-9)


def _predicted(method: str, moments: Moments, layers: tuple[int, ...]) -> float:
    """What theory says of the population: exact but for LoRA in several layers."""
    if method == "closed form":
        return moments.quadratic.gain(layers)
    at = moments.features(layers)
    C, sigma = moments.cross_moment[:, at], moments.second_moment[np.ix_(at, at)]
    if method == "gradient descent":
        return StepBudget.of(LinearAdapter.from_moments(-C, sigma)).gain(STEPS)
    return sum(
        LinearAdapter.from_moments(
            -moments.cross_moment[:, own], moments.second_moment[own, own]
        ).best_gain(RANK)
        for own in (moments.slices[layer] for layer in layers)
    )


def summarise(table: Table) -> Table:
    """Ratio of realised to predicted gain, and how often it lies within the bounds."""
    return table.group(
        ("method", "tokens"),
        median_ratio=statistic(
            "median realised / predicted gain", np.median, "realised", over="predicted"
        ),
        worst_error=(
            "largest |realised / predicted - 1|",
            lambda part: float(
                np.abs(part.column("realised") / part.column("predicted") - 1.0).max()
            ),
        ),
        above_upper=(
            "share of realised gains above the signed upper bound",
            lambda part: float(
                np.mean(part.column("realised") > part.column("upper") * (1 + 1e-9))
            ),
        ),
        training_excess=statistic(
            "median training / realised gain", np.median, "training", over="realised"
        ),
    )


def draw(table: Table, figure: Figure) -> None:
    """Realised against predicted gain, a panel for each way to train."""
    panels = figure.subplots(1, len(METHODS), sharey=True)
    colors = dict(zip(table.values("tokens"), (GREY, GREEN, ORANGE, BLUE), strict=True))
    notes = {
        "closed form": "joint gain G(S)",
        "gradient descent": f"step budget, T = {STEPS}",
        "LoRA": f"sum of rank-{RANK} single gains",
    }
    for axes, method in zip(panels, METHODS, strict=True):
        part = table.where(method=method)
        limit = [0.02, 20.0]
        axes.plot(limit, limit, color="black", lw=0.8)
        for tokens, color in colors.items():
            rows = part.where(tokens=tokens)
            realised = np.maximum(rows.column("realised"), limit[0])
            label = "population" if tokens is None else f"{tokens} tokens"
            axes.plot(
                rows.column("predicted"), realised, "o", ms=3, alpha=0.6, color=color, label=label
            )
        axes.set(
            title=f"{method}: {notes[method]}" if method != "LoRA" else f"LoRA: {notes[method]}",
            xlabel="predicted gain",
            xscale="log",
            yscale="log",
            xlim=limit,
            ylim=limit,
        )
    panels[0].set_ylabel("realised gain on the population")
    figure.set_size_inches(9.6, 3.4)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)


EXPERIMENT = Experiment(
    name="fits",
    title="Realised against predicted gain",
    question="Does training reach the gain that the quadratic predicts, in each way to train?",
    columns={
        "tokens": "training tokens; none: the population itself",
        "world": "index of the draw",
        "layers": "tuned layers",
        "coupling": "rho within them",
        "method": "way to train",
        "predicted": "predicted gain on the population",
        "realised": "gain of the trained adapter on the population",
        "training": "gain on its own training tokens",
        "gain": "G(S) of the population",
        "lower": "signed lower bound on G(S)",
        "upper": "signed upper bound on G(S)",
    },
    grid=({"tokens": None}, {"tokens": 4096}, {"tokens": 512}, {"tokens": 128}),
    measure=measure,
    worlds=30,
    summarise=summarise,
    draw=draw,
)

"""Coupling that emerges from depth, and how far the quadratic is from a residual stream."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from scipy.optimize import minimize

from simulate.draw_stream import residual_stream
from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.palette import BLUE, GREEN, GREY, ORANGE, PURPLE
from simulate.sweep import Point
from simulate.table import Table, statistic
from theory import additivity, remainder

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

AIMS = (0.0, 0.3, 0.5, 0.7, 0.85)
DEPTHS = (2, 4, 8, 16, 32, 64)
RATIOS = {
    "additive": ("sum_of_gains", "predicted", "sum of single gains / predicted gain"),
    "realised": ("realised", "predicted", "realised / predicted, at the quadratic's optimum"),
    "trained": ("trained", "predicted", "trained to convergence / predicted"),
    "interaction": ("interaction", "output_change", "interaction / change of the output"),
    "beyond": ("beyond_second_order", "interaction", "part of it beyond second order"),
}


def measure(point: Point, rng: Generator) -> list[Row]:
    """The Gauss-Newton quadratic of one stream for every aim, against the exact loss."""
    seed = int(rng.integers(2**63))
    rows: list[Row] = []
    for aim in AIMS:
        stream = residual_stream(
            np.random.default_rng(seed),
            layers=point["layers"],
            width=16,
            directions=2,
            aim=aim,
            target_scale=point["distance"],
        )
        quadratic = stream.gauss_newton
        record = additivity(quadratic)
        theta = quadratic.minimiser()
        there = remainder(quadratic, theta, stream.value(theta))
        trained = minimize(
            stream.value,
            np.zeros(stream.parameters),
            jac=stream.slope,
            method="L-BFGS-B",
            options={"maxiter": 100},
        )
        interaction = stream.interaction(theta)
        beyond = interaction - stream.second_order(theta)
        rows.append(
            {
                **point,
                "aim": aim,
                "coupling": record.coupling,
                "mu_min": record.mu_min,
                "mu_max": record.mu_max,
                "smallest_curvature": float(np.linalg.eigvalsh(stream.curvature)[0]),
                "sum_of_gains": record.sum_of_gains,
                "predicted": -there.predicted,
                "realised": -there.realised,
                "trained": -float(trained.fun),
                "implied_lipschitz": there.implied_lipschitz,
                "interaction": stream.norm(interaction),
                "beyond_second_order": stream.norm(beyond),
                "output_change": stream.norm(
                    stream.output_map(theta) - stream.output_map(np.zeros_like(theta))
                ),
            }
        )
    return rows


def summarise(table: Table) -> Table:
    """Medians over the worlds."""
    return table.group(
        ("distance", "layers", "aim"),
        coupling=statistic("median rho", np.median, "coupling"),
        mu_min=statistic("median mu_min", np.median, "mu_min"),
        **{
            name: statistic(meaning, np.median, column, over)
            for name, (column, over, meaning) in RATIOS.items()
        },
    )


def draw(table: Table, figure: Figure) -> None:
    """Coupling against depth, and realised against predicted gain."""
    left, right = figure.subplots(1, 2)
    summary = summarise(table)
    near = min(summary.values("distance"))
    colors = dict(zip(AIMS, (GREY, BLUE, GREEN, ORANGE, PURPLE), strict=True))
    for aim, color in colors.items():
        part = summary.where(aim=aim, distance=near)
        left.plot(
            part.column("layers"), part.column("coupling"), "o-", ms=3, color=color,
            label=f"aim {aim:g}",
        )  # fmt: skip
        for distance, line in zip(summary.values("distance"), ("-", "--"), strict=True):
            part = summary.where(aim=aim, distance=distance)
            right.plot(
                part.column("layers"), part.column("realised"), line, marker="o", ms=3, color=color
            )
    left.axhline(1.0, color="black", lw=0.6)
    ticks = table.values("layers")
    for axes in (left, right):
        axes.set(xscale="log", xlabel="layers", xticks=ticks, xticklabels=[str(t) for t in ticks])
        axes.minorticks_off()
    left.set(title="Coupling that depth makes", ylabel=r"coupling $\rho$", yscale="log")
    left.legend()
    right.axhline(1.0, color="black", lw=0.6)
    right.set(
        title="Quadratic's optimum (dashed: far task)",
        ylabel="realised / predicted gain",
        ylim=(0.0, 1.3),
    )


EXPERIMENT = Experiment(
    name="depth",
    title="A deep linear residual stream",
    question="What coupling does depth make by itself, and how good is the quadratic there?",
    columns={
        "layers": "depth",
        "distance": "size of the task: root mean square change of the output it asks for",
        "world": "index of the draw",
        "aim": "cosine between each direction and its layer's best one",
        "coupling": "rho of the Gauss-Newton quadratic",
        "mu_min": "smallest eigenvalue of its coupling",
        "mu_max": "largest eigenvalue of its coupling",
        "smallest_curvature": "smallest eigenvalue of the exact Hessian at 0",
        "sum_of_gains": "sum of single gains",
        "predicted": "joint gain of the quadratic",
        "realised": "true gain at the quadratic's optimum",
        "trained": "true gain after training to convergence",
        "implied_lipschitz": "6 remainder / ||theta||^3",
        "interaction": "rms of F(theta) - F(0) - sum over layers (1e)",
        "beyond_second_order": "rms of that minus theta'K theta / 2",
        "output_change": "rms of F(theta) - F(0)",
    },
    grid=tuple(
        {"layers": layers, "distance": distance} for distance in (0.3, 1.5) for layers in DEPTHS
    ),
    measure=measure,
    worlds=5,
    summarise=summarise,
    draw=draw,
)

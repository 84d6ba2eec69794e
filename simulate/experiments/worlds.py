"""Worlds of every kind: does any bound fail, and how good are the rules on average?"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.coupling_patterns import PATTERNS, coupling_pattern
from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.palette import BLUE, ORANGE
from simulate.placement_rules import RULES, spread
from simulate.spectra import SPECTRA
from simulate.sweep import Point
from simulate.table import Table, finite, statistic
from simulate.targets import TARGETS
from theory import additivity, compensation

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

DEPTHS = (4, 6, 8, 12, 16, 24, 32, 48, 64)


def measure(point: Point, rng: Generator) -> list[Row]:
    """One world with everything drawn: depth, sizes, spectrum, coupling and target."""
    layers = int(rng.choice(DEPTHS))
    dimension = int(rng.integers(1, 4))
    coupling = str(rng.choice(sorted(PATTERNS)))
    sign = int(rng.choice([-1, 1]))
    reach = float(rng.uniform(0.5, 6.0))
    target = str(rng.choice(sorted(set(TARGETS) - {"aligned"})))
    mu = np.linalg.eigvalsh(coupling_pattern(coupling, layers, reach=reach, sign=sign))
    strength = 0.0 if coupling == "independent" else float(rng.uniform(0.0, 0.98) / -mu[0])
    quadratic = linear_gaussian_world(
        rng,
        layers=layers,
        dimension=dimension,
        spectrum_name=str(rng.choice(sorted(SPECTRA))),
        condition=float(10.0 ** rng.uniform(0.0, 4.0)),
        coupling=coupling,
        strength=strength,
        reach=reach,
        sign=sign,
        target=target,
    ).quadratic
    size = max(1, layers // 4)
    record = additivity(quadratic)
    selective = compensation(quadratic, spread(layers, size))
    gains = {
        rule: quadratic.gain(RULES[rule](quadratic, size, rng))
        for rule in ("random", "uniform", "residual", "greedy")
    }
    best = quadratic.gain(RULES["exact"](quadratic, size, rng)) if layers <= 12 else None
    total = record.sum_of_gains
    pairs = {
        "gain_lower": (record.signed_lower, record.gain),
        "gain_upper": (record.gain, record.signed_upper),
        "aligned_lower": (record.aligned_lower, record.gain),
        "displacement": (record.displacement, record.signed_displacement_bound),
        "excess_loss": (record.excess_loss, record.signed_excess_loss_bound),
        "separate": (record.separate_lower, record.separate_gain),
        "forgone_upper": (selective.forgone, selective.forgone_upper),
        "forgone_lower": (selective.forgone_lower, selective.forgone),
    }
    # A bound fails when its small side exceeds its large side by more than rounding.
    failed = [name for name, (small, large) in pairs.items() if small > large + 1e-7 * total]
    return [
        {
            **point,
            "layers": layers,
            "dimension": dimension,
            "coupling": coupling,
            "sign": sign,
            "target": target,
            "strength": record.coupling,
            "mu_min": record.mu_min,
            "alignment": record.alignment,
            "ratio": record.gain / total,
            "signed_width": finite(record.signed_upper / record.signed_lower),
            "failed": failed,
            "greedy": gains["greedy"] / (best or max(gains.values())),
            "residual": gains["residual"] / (best or max(gains.values())),
            "uniform": gains["uniform"] / (best or max(gains.values())),
            "random": gains["random"] / (best or max(gains.values())),
            "against_exact": best is not None,
        }
    ]


def summarise(table: Table) -> Table:
    """Failures of bounds, and mean shares of the best gain known, by coupling pattern."""
    rules = ("greedy", "residual", "uniform")
    return table.group(
        ("coupling", "sign"),
        worlds=("number of worlds", lambda part: len(part.rows)),
        failures=("bounds that failed", lambda part: sum(len(r["failed"]) for r in part.rows)),
        largest_rho=statistic("largest coupling", np.max, "strength"),
        smallest_ratio=statistic("smallest gain / sum", np.min, "ratio"),
        largest_ratio=statistic("largest gain / sum", np.max, "ratio"),
        **{rule: statistic(f"mean share of {rule}", np.mean, rule) for rule in rules},
    )


def draw(table: Table, figure: Figure) -> None:
    """Gain over sum of gains against alignment, and what top-k loses against coupling."""
    left, right = figure.subplots(1, 2)
    tau = np.linspace(-0.99, 64.0, 4000)
    left.plot(tau, 1 / (1 + tau), color="black", lw=1, label=r"lower bound $1/(1+\tau)$ (1g)")
    for sign, color, label in ((1, BLUE, "positive pattern"), (-1, ORANGE, "negative pattern")):
        part = table.where(sign=sign)
        left.plot(
            part.column("alignment"), part.column("ratio"), ".", ms=2, alpha=0.4, color=color,
            label=label,
        )  # fmt: skip
        right.plot(
            part.column("strength"), 1 - part.column("residual"), ".", ms=2, alpha=0.4, color=color
        )
    left.set(
        title="Joint gain / sum of single gains",
        xlabel=r"alignment $\tau$",
        xscale="symlog",
        yscale="log",
    )
    left.legend(loc="upper right", markerscale=4)
    right.set(
        title="What top-k by residual norm loses",
        xlabel=r"coupling $\rho$",
        ylabel="share of the best gain known",
        xscale="symlog",
        ylim=(-0.02, 1.0),
    )


EXPERIMENT = Experiment(
    name="worlds",
    title="Worlds of every kind",
    question="Over thousands of worlds of every kind, does any bound fail, and which rule is good?",
    columns={
        "world": "index of the draw",
        "layers": "depth",
        "dimension": "features of a layer",
        "coupling": "pattern",
        "sign": "sign of the pattern",
        "target": "what there is to gain",
        "strength": "rho",
        "mu_min": "smallest eigenvalue of the coupling",
        "alignment": "tau",
        "ratio": "joint gain / sum of single gains",
        "signed_width": "signed upper / lower bound on it",
        "failed": "bounds that failed",
        "greedy": "greedy's gain / best known gain of its size",
        "residual": "the same for top-k by residual norm",
        "uniform": "the same for uniform spacing",
        "random": "the same for random layers",
        "against_exact": "best known is the exact optimum",
    },
    grid=({},),
    measure=measure,
    worlds=400,
    summarise=summarise,
    draw=draw,
)

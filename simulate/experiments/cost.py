"""Gain against training cost: the Pareto front, and where simple rules lie under it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.palette import BLUE, GREEN, GREY, ORANGE, PURPLE
from simulate.placement_rules import RULES
from simulate.sweep import Point
from simulate.table import Table
from theory import CostModel, pareto_front

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

LAYERS = 10
# Forward 1 for each layer; backward 1 for each layer down to the lowest tuned one, as with
# frozen weights only the gradient in the activations passes; an adapter's own work 0.3.
COST = CostModel((0.3,) * LAYERS, base=float(LAYERS), per_depth=1.0)
SIMPLE = ("first", "last", "uniform", "residual")


def measure(point: Point, rng: Generator) -> list[Row]:
    """The front of one world, and the simple rules at every size."""
    quadratic = linear_gaussian_world(
        rng,
        layers=LAYERS,
        dimension=2,
        coupling="exponential",
        sign=point["sign"],
        strength=point["strength"],
        target=point["target"],
    ).quadratic
    total, dear = quadratic.gain(), COST.of(range(LAYERS))
    front = pareto_front(quadratic, COST)

    def row(rule: str, layers: tuple[int, ...]) -> Row:
        price = COST.of(layers)
        gain = quadratic.gain(layers)
        reached = max((p.gain for p in front if p.cost <= price + 1e-9), default=gain)
        return {
            **point,
            "rule": rule,
            "layers": list(layers),
            "cost": price / dear,
            "gain": gain / total,
            "best_at_cost": reached / total,
        }

    rows = [row("front", placement.layers) for placement in front]
    rows += [
        row(rule, RULES[rule](quadratic, size, rng)) for rule in SIMPLE for size in range(1, LAYERS)
    ]
    return rows


def summarise(table: Table) -> Table:
    """Mean share of the total gain at three budgets."""

    def under(limit: float) -> Any:
        def reduce(part: Table) -> float | None:
            shares: list[float] = []
            for world in part.values("world"):
                rows = part.where(world=world)
                affordable = rows.column("gain")[rows.column("cost") <= limit + 1e-9]
                shares.append(float(affordable.max(initial=0.0)))
            return float(np.mean(shares))

        return (f"mean share of the total gain for at most {limit:.0%} of the full cost", reduce)

    return table.group(
        ("target", "sign", "strength", "rule"),
        at_60=under(0.60),
        at_75=under(0.75),
        at_90=under(0.90),
    )


def draw(table: Table, figure: Figure) -> None:
    """Best gain so far against cost, mean over worlds, by target."""
    targets = table.values("target")
    panels = figure.subplots(1, len(targets), sharey=True, squeeze=False)[0]
    grid = np.linspace(0.5, 1.0, 101)
    styles = {
        "front": (BLUE, "Pareto front"),
        "last": (GREEN, "last k"),
        "uniform": (ORANGE, "uniform k"),
        "residual": (PURPLE, "top-k by residual norm"),
        "first": (GREY, "first k"),
    }
    names = {"isotropic": "Target at every depth", "early": "Early target", "late": "Late target"}
    for axes, target in zip(panels, targets, strict=True):
        part = table.where(target=target, sign=1)
        for rule, (color, label) in styles.items():
            curves = [
                _staircase(part.where(rule=rule, world=w), grid) for w in part.values("world")
            ]
            axes.plot(grid, np.mean(curves, axis=0), color=color, label=label)
        axes.set(title=names[target], xlabel="training cost / cost of all layers", ylim=(0, 1.03))
    panels[0].set_ylabel("gain / gain of all layers")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)


def _staircase(rows: Table, grid: Any) -> list[float]:
    cost, gain = rows.column("cost"), rows.column("gain")
    return [float(gain[cost <= limit + 1e-9].max(initial=0.0)) for limit in grid.tolist()]


EXPERIMENT = Experiment(
    name="cost",
    title="Gain against training cost",
    question="Which placements are worth their training cost, and where do simple rules lie?",
    columns={
        "target": "where in depth there is something to gain",
        "sign": "sign of the coupling",
        "strength": "rho",
        "world": "index of the draw",
        "rule": "front, or a simple rule at some size",
        "layers": "the placement",
        "cost": "training cost / that of all layers",
        "gain": "gain / that of all layers",
        "best_at_cost": "the front's gain at this cost / gain of all layers",
    },
    grid=tuple(
        {"target": target, "sign": sign, "strength": 0.9}
        for target in ("isotropic", "early", "late")
        for sign in (1, -1)
    ),
    measure=measure,
    worlds=12,
    summarise=summarise,
    draw=draw,
)

"""What the tuned layers do for the frozen ones, and what freezing forgoes, as coupling grows."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.palette import BLUE, GREEN, GREY, ORANGE
from simulate.placement_rules import block, spread
from simulate.sweep import Point
from simulate.table import Table, finite, statistic
from theory import compensation

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

LAYERS, SIZE = 12, 6
STRENGTHS = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
PLACEMENTS = {"contiguous": block(LAYERS, SIZE, 0.5), "spread": spread(LAYERS, SIZE)}


def measure(point: Point, rng: Generator) -> list[Row]:
    """Tune half of the layers of one world, at every strength, by two placements."""
    seed = int(rng.integers(2**63))
    rows: list[Row] = []
    for strength in STRENGTHS:
        quadratic = linear_gaussian_world(
            np.random.default_rng(seed),
            layers=LAYERS,
            dimension=2,
            coupling=point["coupling"],
            sign=point["sign"],
            reach=2.0,
            strength=strength,
        ).quadratic
        total = quadratic.gain()
        for placement, layers in PLACEMENTS.items():
            record = compensation(quadratic, layers)
            rows.append(
                {
                    **point,
                    "placement": placement,
                    "strength": strength,
                    "displacement": record.displacement,
                    "bound": finite(record.bound),
                    "sharp_bound": finite(record.sharp_bound),
                    "forgone": record.forgone / total,
                    "forgone_lower": record.forgone_lower / total,
                    "forgone_upper": record.forgone_upper / total,
                }
            )
    return rows


def summarise(table: Table) -> Table:
    """How close the displacement comes to its bound, and what share of the gain is forgone."""
    return table.group(
        ("coupling", "sign", "placement", "strength"),
        displacement=statistic("median displacement", np.median, "displacement"),
        share_of_bound=statistic(
            "largest displacement / sharp bound", np.max, "displacement", over="sharp_bound"
        ),
        forgone=statistic("median share of the gain that is forgone", np.median, "forgone"),
        violations=(
            "values outside their bounds",
            lambda part: sum(not _inside(row) for row in part.rows),
        ),
    )


def _inside(row: Row) -> bool:
    slack = 1 + 1e-9
    bounds = [row[name] for name in ("bound", "sharp_bound") if row[name] is not None]
    moved = row["displacement"] <= min(bounds, default=np.inf) * slack + 1e-12
    low, high = row["forgone_lower"] / slack, row["forgone_upper"] * slack
    return bool(moved and low <= row["forgone"] <= high)


def draw(table: Table, figure: Figure) -> None:
    """Displacement over its bound, and the forgone share of the gain."""
    left, right = figure.subplots(1, 2)
    part = table.where(coupling="exponential", sign=1)
    for placement, color in (("contiguous", ORANGE), ("spread", BLUE)):
        rows = part.where(placement=placement)
        x = np.array(rows.values("strength"))
        by_strength = [rows.where(strength=strength) for strength in x.tolist()]
        moved = np.stack([r.column("displacement") for r in by_strength], axis=1)
        left.fill_between(x, moved.min(axis=0), moved.max(axis=0), color=color, alpha=0.2)
        left.plot(x, np.median(moved, axis=0), color=color, label=placement)
        sharp = np.stack([r.column("sharp_bound") for r in by_strength], axis=1)
        left.plot(
            x, np.median(sharp, axis=0), "--", color=color, lw=1, label=f"bound 5d, {placement}"
        )
    left.set(
        title="Move of the tuned layers",
        xlabel=r"coupling $\rho$",
        ylabel=r"$\|\theta^*_S - \theta_{glob,S}\|_D$",
        yscale="log",
    )
    left.legend()
    for sign, color, label in ((1, BLUE, "positive coupling"), (-1, GREEN, "negative coupling")):
        rows = table.where(coupling="exponential", sign=sign, placement="spread")
        x = np.array(rows.values("strength"))
        shares = np.stack([rows.where(strength=s).column("forgone") for s in x.tolist()], axis=1)
        right.fill_between(x, *np.quantile(shares, [0.1, 0.9], axis=0), color=color, alpha=0.2)
        right.plot(x, np.median(shares, axis=0), color=color, label=label)
    right.axhline(1 - SIZE / LAYERS, color=GREY, ls="--", lw=1, label="share of layers frozen")
    right.set(
        title=f"Gain forgone by freezing {LAYERS - SIZE} of {LAYERS} layers",
        xlabel=r"coupling $\rho$",
        ylabel="share of the gain of all layers",
        ylim=(0.0, 1.0),
    )
    right.legend()


EXPERIMENT = Experiment(
    name="compensation",
    title="Selective compensation",
    question="What do tuned layers make up for frozen ones, and what does freezing forgo?",
    columns={
        "coupling": "pattern",
        "sign": "sign of its entries",
        "world": "index of the draw",
        "placement": "which half of the layers is tuned",
        "strength": "rho",
        "displacement": "||theta*_S - theta_glob,S||_D",
        "bound": "rho/(1-rho_S) ||theta_glob,T||_D (5a)",
        "sharp_bound": "its sharp form (5d)",
        "forgone": "(G(all) - G(S)) / G(all)",
        "forgone_lower": "its lower bound (5b)",
        "forgone_upper": "its upper bound (5b)",
    },
    grid=tuple(
        {"coupling": coupling, "sign": sign}
        for coupling in ("exponential", "redundant")
        for sign in (1, -1)
    ),
    measure=measure,
    worlds=30,
    summarise=summarise,
    draw=draw,
)

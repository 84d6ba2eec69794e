"""How far the gains of single layers add up, as coupling grows, in both signs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.drawing import BLUE, GREY, ORANGE, PINK, RED
from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.measured import read_measured
from simulate.sweep import Point
from simulate.table import Table, finite
from theory import additivity

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any

STRENGTHS = tuple(np.round([*np.linspace(0.04, 0.96, 12), 1.3, 1.8, 2.4], 2).tolist())
TARGETS = ("isotropic", "strongest", "weakest")


def measure(point: Point, rng: Generator) -> list[Row]:
    """One world at every strength that its coupling admits, the same draw each time."""
    seed = int(rng.integers(2**63))
    limit = 1.0 if point["coupling"] == "synergistic" else np.inf
    rows: list[Row] = []
    for strength in (s for s in STRENGTHS if s < limit):
        world = linear_gaussian_world(
            np.random.default_rng(seed),
            layers=12,
            dimension=3,
            coupling=point["coupling"],
            target=point["target"],
            strength=strength,
        )
        record = additivity(world.quadratic)
        total = record.sum_of_gains
        rows.append(
            {
                **point,
                "strength": strength,
                "ratio": record.gain / total,
                "paper_lower": record.lower / total,
                "paper_upper": finite(record.upper / total),
                "signed_lower": record.signed_lower / total,
                "signed_upper": finite(record.signed_upper / total),
                "displacement": record.displacement,
                "displacement_bound": finite(record.displacement_bound),
                "excess_loss": record.excess_loss / total,
                "excess_loss_bound": finite(record.excess_loss_bound / total),
            }
        )
    return rows


def summarise(table: Table) -> Table:
    """Range of the ratio over the worlds, beside the bounds."""
    return table.group(
        ("coupling", "strength"),
        smallest=("smallest gain over sum", lambda part: float(part.column("ratio").min())),
        median=(
            "median for isotropic targets",
            lambda part: float(np.median(part.where(target="isotropic").column("ratio"))),
        ),
        largest=("largest gain over sum", lambda part: float(part.column("ratio").max())),
        paper_lower=("1/(1+rho)", lambda part: part.rows[0]["paper_lower"]),
        paper_upper=("1/(1-rho); none at rho >= 1", lambda part: part.rows[0]["paper_upper"]),
        violations=(
            "ratios outside the bounds in force",
            lambda part: sum(not _inside(row) for row in part.rows),
        ),
    )


def _inside(row: Row) -> bool:
    slack = 1e-9 * row["ratio"]
    lower = max(row["paper_lower"], row["signed_lower"])
    uppers = [row[name] for name in ("paper_upper", "signed_upper") if row[name] is not None]
    return bool(lower <= row["ratio"] + slack and row["ratio"] <= min(uppers) + slack)


def cards(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Coupling and gain ratio of measured models."""
    found: list[dict[str, Any]] = []
    for path in paths:
        card = read_measured(path)
        ratio = None
        if card.target is not None:
            u = card.target
            ratio = float(u @ np.linalg.solve(np.eye(len(u)) + card.coupling, u) / (u @ u))
        found.append({"source": card.source, "coupling": card.strength, "ratio": ratio})
    return found


def draw(table: Table, figure: Figure) -> None:
    """Gain over sum of gains against rho, one panel for each sign."""
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"redundant": "Redundant coupling", "synergistic": "Synergistic coupling"}
    rho = np.linspace(0.0, 0.97, 200)
    for axes, (coupling, title) in zip(panels, titles.items(), strict=True):
        part = table.where(coupling=coupling)
        axes.fill_between(rho, 1 / (1 + rho), 1 / (1 - rho), color="#EFEFEF", zorder=0)
        axes.plot(rho, 1 / (1 - rho), color=GREY, lw=1, label=r"bounds in $\rho$: $1/(1\pm\rho)$")
        axes.plot(rho, 1 / (1 + rho), color=GREY, lw=1)
        strengths = np.array(part.values("strength"))
        for name, color in (("signed_lower", RED), ("signed_upper", RED)):
            bound = [part.where(strength=s).rows[0][name] for s in strengths.tolist()]
            label = "signed bounds" if name == "signed_lower" else None
            axes.plot(strengths, bound, color=color, lw=1, ls="--", label=label)
        styles = {
            "isotropic": (BLUE, "o", "isotropic target"),
            "strongest": (ORANGE, "v", "along the largest eigenvalue"),
            "weakest": (PINK, "^", "along the smallest eigenvalue"),
        }
        for target, (color, marker, label) in styles.items():
            rows = part.where(target=target)
            axes.plot(
                rows.column("strength"),
                rows.column("ratio"),
                marker,
                color=color,
                ms=3,
                alpha=0.6,
                label=label,
            )
        axes.set(
            title=title,
            xlabel=r"coupling $\rho$",
            yscale="log",
            ylim=(0.25, 12),
            yticks=[0.25, 0.5, 1, 2, 4, 8],
            yticklabels=["1/4", "1/2", "1", "2", "4", "8"],
        )
        axes.minorticks_off()
        axes.axhline(1.0, color="black", lw=0.6)
    panels[0].set_ylabel("joint gain / sum of single gains")
    for card in table.options.get("cards", []):
        if card["ratio"] is not None:
            panels[0].plot(card["coupling"], card["ratio"], "*", color="black", ms=9)
            panels[0].annotate(card["source"], (card["coupling"], card["ratio"]), fontsize=7)
    handles, labels = panels[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)


EXPERIMENT = Experiment(
    name="additivity",
    title="Joint gain against the sum of single gains",
    question="How far may the gains of single layers be added, as coupling grows in either sign?",
    columns={
        "coupling": "pattern",
        "target": "what there is to gain",
        "world": "index of the draw",
        "strength": "rho",
        "ratio": "joint gain / sum of single gains",
        "paper_lower": "1/(1+rho)",
        "paper_upper": "1/(1-rho); none at rho >= 1",
        "signed_lower": "1/(1+mu_max)",
        "signed_upper": "1/(1+mu_min)",
        "displacement": "||theta_glob - theta_loc||_D",
        "displacement_bound": "its bound; none at rho >= 1",
        "excess_loss": "Q(theta_loc) - Q(theta_glob), over the sum of gains",
        "excess_loss_bound": "its bound; none at rho >= 1",
    },
    grid=tuple(
        {"coupling": coupling, "target": target}
        for coupling in ("redundant", "synergistic")
        for target in TARGETS
    ),
    measure=measure,
    worlds=30,
    summarise=summarise,
    draw=draw,
    cards=cards,
)

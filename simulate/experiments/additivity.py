"""How far the gains of single layers add up, as coupling grows, in both signs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.measured import read_measured
from simulate.palette import BLACK, BLUE, GREY, MARKERS, ORANGE, PURPLE, VERMILION
from simulate.sweep import Point
from simulate.table import Table, finite, statistic
from theory import additivity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = Any

STRENGTHS = tuple(np.round([*np.linspace(0.04, 0.96, 12), 1.3, 1.8, 2.4], 2).tolist())
MARKS = {
    "isotropic": (BLUE, "isotropic target"),
    "strongest": (ORANGE, "along largest eigenvalue"),
    "weakest": (PURPLE, "along smallest eigenvalue"),
}
TARGETS = tuple(MARKS)
SIGNS = ("redundant", "synergistic")


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
        smallest=statistic("smallest gain over sum", np.min, "ratio"),
        median=(
            "median for isotropic targets",
            lambda part: float(np.median(part.where(target="isotropic").column("ratio"))),
        ),
        largest=statistic("largest gain over sum", np.max, "ratio"),
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


def ranges(rows: Sequence[Row]) -> dict[str, Any]:
    """Smallest, median and largest at each coupling, and the bounds there."""
    strengths = sorted({row["strength"] for row in rows})
    at = [[row for row in rows if row["strength"] == strength] for strength in strengths]
    result: dict[str, Any] = {"rho": strengths}
    for name in ("ratio", "excess_loss"):
        values = [[row[name] for row in group] for group in at]
        result[name] = {
            "low": [min(group) for group in values],
            "median": [float(np.median(group)) for group in values],
            "high": [max(group) for group in values],
        }
    for name in ("signed_lower", "signed_upper", "excess_loss_bound"):
        result[name] = [group[0][name] for group in at]
    return result


def curves(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Ranges of the ratio and of the excess loss, for each sign and target."""
    return [
        {
            "sign": sign,
            "target": target,
            **ranges([r for r in rows if r["coupling"] == sign and r["target"] == target]),
        }
        for sign in SIGNS
        for target in TARGETS
    ]


def draw_panels(figure: Figure, data: dict[str, Any]) -> list[Axes]:
    """Ratio for each sign, and the excess loss.

    Parameters
    ----------
    figure
        Empty.
    data
        ``curves``, as :func:`curves` makes them, and ``cards``: ``rho``, ``ratio`` and
        ``sign`` of measured models.
    """
    axes = list(figure.subplots(1, 3))
    for axis, sign in zip(axes, SIGNS, strict=False):
        _draw_ratio(axis, data, sign)
    axes[0].set_ylabel("joint gain / sum of single gains")
    _draw_excess(axes[2], data)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return axes


def _draw_ratio(axis: Axes, data: dict[str, Any], sign: str) -> None:
    axis.set_title(f"{sign} coupling")
    rho = np.geomspace(0.03, 0.985, 200)
    axis.fill_between(rho, 1 / (1 + rho), 1 / (1 - rho), color="#F0F0F0", zorder=0)
    axis.plot(rho, 1 / (1 - rho), color=GREY, lw=0.9, label=r"$1/(1\mp\rho)$, needs $\rho<1$")
    axis.plot(rho, 1 / (1 + rho), color=GREY, lw=0.9)
    curves = [curve for curve in data["curves"] if curve["sign"] == sign]
    for name in ("signed_lower", "signed_upper"):
        label = "signed bounds" if name == "signed_lower" else None
        bound = np.array(curves[0][name], dtype=float)
        axis.plot(
            curves[0]["rho"], bound, color=VERMILION, lw=0.9, ls=(0, (4, 3)), label=label, zorder=4
        )
    for index, curve in enumerate(curves):
        colour, label = MARKS[curve["target"]]
        ratio = curve["ratio"]
        axis.fill_between(curve["rho"], ratio["low"], ratio["high"], color=colour, alpha=0.2, lw=0)
        axis.plot(
            curve["rho"], ratio["median"], color=colour, marker=MARKERS[index], ms=2.5, label=label
        )
    points = [point for point in data["cards"] if point["sign"] == sign]
    axis.plot(
        [point["rho"] for point in points],
        [point["ratio"] for point in points],
        ls="",
        marker="*",
        ms=7,
        mec="white",
        mew=0.5,
        color=BLACK,
        label="measured cards",
        zorder=5,
    )
    axis.axhline(1, color=BLACK, lw=0.5)
    axis.set_xscale("log")
    axis.set_yscale("log", base=2)
    lowest = min([0.25, *(0.8 * point["ratio"] for point in data["cards"])])
    axis.set_ylim(lowest, 24)
    largest = max([3.0, *(1.3 * point["rho"] for point in points)])
    axis.set_xlim(0.035, largest)
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if y >= 1 else f"1/{1 / y:g}")
    axis.set_xlabel(r"coupling $\rho$")


def _draw_excess(axis: Axes, data: dict[str, Any]) -> None:
    axis.set_title("layers trained alone")
    rho = np.geomspace(0.03, 0.985, 200)
    axis.plot(rho, rho**2 / (1 - rho), color=GREY, lw=0.9)
    for curve in data["curves"]:
        colour, _ = MARKS[curve["target"]]
        dashed = "-" if curve["sign"] == "redundant" else ":"
        axis.plot(curve["rho"], curve["excess_loss"]["median"], color=colour, ls=dashed, lw=1)
    axis.plot([], [], color=BLACK, label="redundant")
    axis.plot([], [], color=BLACK, ls=":", label="synergistic")
    axis.plot([], [], color=GREY, lw=0.9, label=r"bound $\rho^2/(1-\rho)$")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.set_xlabel(r"coupling $\rho$")
    axis.set_ylabel("excess loss / sum of single gains")
    axis.legend(loc="upper left")


def draw(table: Table, figure: Figure) -> None:
    """Gain over sum of gains against rho for each sign, and the excess loss."""
    measured = [
        {"rho": card["coupling"], "ratio": card["ratio"], "sign": SIGNS[0]}
        for card in table.options.get("cards", [])
        if card["ratio"] is not None
    ]
    draw_panels(figure, {"curves": curves(table.rows), "cards": measured})


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
        {"coupling": coupling, "target": target} for coupling in SIGNS for target in TARGETS
    ),
    measure=measure,
    worlds=30,
    summarise=summarise,
    draw=draw,
    cards=cards,
)

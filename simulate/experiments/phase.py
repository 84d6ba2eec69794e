"""Which placement rule wins, over coupling strength and alignment, with real models on the map."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from simulate.coupling_patterns import coupling_pattern
from simulate.experiment import Experiment
from simulate.journal import Row
from simulate.linear_gaussian import linear_gaussian_world
from simulate.measured import read_measured
from simulate.palette import BLUE, GREEN, GREY, ORANGE, PURPLE
from simulate.placement_rules import RULES
from simulate.sweep import Point
from simulate.table import Table
from theory import certificate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = Any

LAYERS, SIZE, DIMENSION, REACH = 12, 4, 16, 3.0
# The rules that know no coupling compete; greedy shows what knowing it is worth.
BLIND: tuple[str, ...] = ("residual", "uniform", "middle", "first", "last")
STRENGTHS = {
    1: (0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75),
    -1: (0.075, 0.225, 0.375, 0.525, 0.675, 0.825, 0.975),
}
KEY_WIDTH = 66  # characters of a line of the key of cards
PLACES = (0.08, 0.22, 0.36, 0.5, 0.64, 0.78, 0.92)


def measure(point: Point, rng: Generator) -> list[Row]:
    """Gain of every rule as a share of the best, at one strength and alignment."""
    mu = np.linalg.eigvalsh(
        point["strength"] * coupling_pattern("exponential", LAYERS, reach=REACH, sign=point["sign"])
    )
    tau = float(mu[0] + point["place"] * (mu[-1] - mu[0]))
    quadratic = linear_gaussian_world(
        rng,
        layers=LAYERS,
        dimension=DIMENSION,
        coupling="exponential",
        reach=REACH,
        sign=point["sign"],
        strength=point["strength"],
        target="aligned",
        alignment=tau,
    ).quadratic
    best = quadratic.gain(RULES["exact"](quadratic, SIZE, rng))
    certified = certificate(quadratic, SIZE, tolerance=1e-3)
    chosen = {rule: RULES[rule](quadratic, SIZE, rng) for rule in (*BLIND, "greedy")}
    return [
        {
            **point,
            "alignment": tau / point["strength"],
            "rule": rule,
            "fraction": quadratic.gain(layers) / best,
            "certified": certified.fraction(layers),
        }
        for rule, layers in chosen.items()
    ]


def summarise(table: Table) -> Table:
    """In each cell: the best rule blind to coupling, its lead, and what greedy adds to it."""

    def ranked(part: Table) -> list[tuple[float, str]]:
        mean = {rule: float(part.where(rule=rule).column("fraction").mean()) for rule in BLIND}
        return sorted(((share, rule) for rule, share in mean.items()), reverse=True)

    return table.group(
        ("sign", "strength", "place"),
        alignment=("tau / rho", lambda part: part.rows[0]["alignment"]),
        winner=("best rule that knows no coupling", lambda part: ranked(part)[0][1]),
        share=("its mean share of the best gain", lambda part: ranked(part)[0][0]),
        lead=("over the second such rule", lambda part: ranked(part)[0][0] - ranked(part)[1][0]),
        second=("the second such rule", lambda part: ranked(part)[1][1]),
        greedy=(
            "mean share that greedy reaches",
            lambda part: float(part.where(rule="greedy").column("fraction").mean()),
        ),
        certified=(
            "mean share that greedy's certificate shows",
            lambda part: float(part.where(rule="greedy").column("certified").mean()),
        ),
    )


def cards(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Where measured models lie; those without a target get no alignment."""
    found: list[dict[str, Any]] = []
    for path in paths:
        card = read_measured(path)
        mu = np.linalg.eigvalsh(card.coupling)
        found.append(
            {
                "source": card.source,
                "sign": 1 if mu[-1] >= -mu[0] else -1,
                "strength": card.strength,
                "alignment": None if card.alignment is None else card.alignment / card.strength,
            }
        )
    return found


def draw(table: Table, figure: Figure) -> None:
    """The winner's colour, fainter where its lead is small, with greedy's advantage in points."""
    from matplotlib.patches import Patch, Rectangle

    figure.set_size_inches(8.6, 4.2)
    panels = figure.subplots(1, 2, sharey=True, width_ratios=(7, 8))
    colors = dict(zip(BLIND, (BLUE, ORANGE, GREEN, PURPLE, GREY), strict=True))
    summary = summarise(table)
    for axes, sign in zip(panels, (-1, 1), strict=True):
        part = summary.where(sign=sign)
        strengths = part.values("strength")
        width = 2 * STRENGTHS[sign][0]
        for row in part.rows:
            step = abs(_height(part, row["strength"]))
            corner = (row["strength"] - width / 2, row["alignment"] - step / 2)
            alpha = 0.15 + 0.85 * min(1.0, row["lead"] / 0.15)
            axes.add_patch(
                Rectangle(corner, width, step, facecolor=colors[row["winner"]], alpha=alpha, lw=0)
            )
            axes.text(
                row["strength"],
                row["alignment"],
                f"{round(100 * (row['greedy'] - row['share'])):+d}",
                ha="center",
                va="center",
                fontsize=7,
            )
        axes.set(
            title="Positive coupling" if sign == 1 else "Negative coupling",
            xlabel=r"coupling strength $\rho$",
            xlim=(0.0, max(strengths) + width / 2),
            ylim=(-1.0, 1.0),
        )
        axes.grid(visible=False)
        axes.axhline(0.0, color="black", lw=0.6)
    for axes, sign in zip(panels, (-1, 1), strict=True):
        numbered = enumerate(table.options.get("cards", []), start=1)
        _draw_cards(axes, {number: card for number, card in numbered if card["sign"] == sign}, sign)
    panels[0].set_ylabel(r"alignment $\tau / \rho$  (synergy $\leftarrow$ 0 $\to$ redundancy)")
    names: dict[str, str] = {
        "residual": "top-k by residual norm",
        "uniform": "uniform",
        "middle": "middle k",
        "first": "first k",
        "last": "last k",
    }
    handles = [Patch(color=colors[rule], label=label) for rule, label in names.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    figure.suptitle(
        "Best rule that knows no coupling (full colour: it leads by 15 points of the best gain);\n"
        "numbers: points that greedy, which knows it, adds",
        fontsize=9,
        ha="left",
        x=0.01,
    )


def _draw_cards(axes: Axes, cards: Mapping[int, dict[str, Any]], sign: int) -> None:
    """A numbered mark for each card, an arrow in a strip beyond the map for a larger rho; a key."""
    edge = axes.get_xlim()[1]
    strip = 0.06 * edge  # room for one arrow
    marks: dict[int, tuple[float, float, str]] = {}
    columns: list[tuple[float, int]] = []
    for number, card in sorted(cards.items(), key=lambda item: item[1]["strength"]):
        strength, height = card["strength"], card["alignment"]
        if height is None:
            height = 0.93 * sign  # clear of the key
        if strength > edge:
            # To the right of the arrows that it would hide.
            column = 1 + max((c for y, c in columns if abs(y - height) < 0.16), default=-1)
            columns.append((height, column))
            marks[number] = (edge + (column + 0.5) * strip, height, "rarrow,pad=0.2")
        else:
            marks[number] = (strength, height, "circle,pad=0.2")
            if card["alignment"] is None:
                axes.axvline(strength, color="black", lw=1, ls=":")
    if columns:
        axes.set_xticks([tick for tick in axes.get_xticks() if tick <= edge])
        axes.set_xlim(0.0, edge + (1 + max(column for _, column in columns)) * strip)
    key: list[str] = []
    for number, card in cards.items():
        x, y, shape = marks[number]
        box = {"boxstyle": shape, "facecolor": "white", "edgecolor": "black", "lw": 0.9}
        axes.text(
            x, y, str(number), ha="center", va="center", fontsize=7, fontweight="bold", bbox=box
        )
        key += wrap(f"{number}  {_card_label(card, edge)}", KEY_WIDTH, subsequent_indent="    ")
    # In the part that the alignments of this sign do not reach.
    axes.text(
        0.015,
        0.02 if sign == 1 else 0.98,
        "\n".join(key),
        transform=axes.transAxes,
        va="bottom" if sign == 1 else "top",
        fontsize=min(7.0, 56.0 / max(1, len(key))),
        parse_math=False,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0} if key else None,
    )


def _card_label(card: dict[str, Any], edge: float) -> str:
    """Source, rho and alignment of a card; no-break spaces keep a number with its name."""
    rho = f"\u03c1\u00a0=\u00a0{card['strength']:.3g}"
    if card["strength"] > edge:
        rho += " (beyond the map)"
    if card["alignment"] is None:
        return f"{card['source']}: {rho}, no target"
    return f"{card['source']}: {rho}, \u03c4/\u03c1\u00a0=\u00a0{card['alignment']:.2f}"


def _height(part: Table, strength: float) -> float:
    places = part.where(strength=strength).column("alignment")
    return float(places[1] - places[0])


EXPERIMENT = Experiment(
    name="phase",
    title=f"Best rule for {SIZE} of {LAYERS} layers, by coupling and alignment",
    question="Over coupling strength and alignment, which placement rule wins, and by how much?",
    columns={
        "sign": "sign of the coupling",
        "strength": "rho",
        "place": "where tau lies in its range, 0 to 1",
        "world": "index of the draw",
        "alignment": "tau / rho",
        "rule": "placement rule",
        "fraction": "its gain / the best gain",
        "certified": "certified share of the best gain (10a)",
    },
    grid=tuple(
        {"sign": sign, "strength": strength, "place": place}
        for sign in (1, -1)
        for strength in STRENGTHS[sign]
        for place in PLACES
    ),
    measure=measure,
    worlds=24,
    summarise=summarise,
    draw=draw,
    cards=cards,
)

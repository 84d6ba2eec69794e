"""A choice of layers on a terminal: beside its runner-up, and on the Pareto front."""

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmodel.card.warnings import is_forecast
from realmodel.costs.serving import TITLES
from realmodel.runs.numbers import amount, joined, number
from realmodel.runs.printable import printable

if TYPE_CHECKING:
    from realmodel.card import LayerCard
    from realmodel.placement import Choice, FrontPoint

SHOWN = 5
"""Points of the front on a terminal."""


def shortened(front: tuple["FrontPoint", ...]) -> list["FrontPoint"]:
    """At most five points of the front, its ends among them, evenly spread in gain."""
    if len(front) <= SHOWN:
        return list(front)
    low, high = front[0].gain, front[-1].gain
    wanted = [low + (high - low) * at / (SHOWN - 1) for at in range(SHOWN)]
    nearest = {min(range(len(front)), key=lambda i: abs(front[i].gain - gain)) for gain in wanted}
    return [front[at] for at in sorted(nearest)]


def placement_table(
    card: "LayerCard", choice: "Choice", *, verbose: bool = False
) -> RenderableType:
    """The choice as tables; ``verbose``: then what the rules and the bounds say of it."""
    whole = choice.whole.gain
    forecast = is_forecast(card, choice.predictor)
    calibrated = choice.best.forecast is not None

    def gained(value: float) -> str:
        return number(value) if forecast else f"{number(100 * value / whole)}%"

    def told(point: "FrontPoint") -> str:
        if point.forecast is not None:
            found = point.forecast
            return f"{number(found.gain)} ({number(found.low)} to {number(found.high)})"
        error = "" if point.gain_error is None else f" ± {gained(1.96 * point.gain_error)}"
        return f"{gained(point.gain)}{error}"

    def row(point: "FrontPoint", *, shares: bool) -> list[str]:
        costs = [
            f"{100 * point.costs[f'{kind}_share']:.0f}%"
            if shares
            else amount(point.costs[kind], choice.costs.unit(kind))
            for kind in choice.costs.KINDS
        ]
        return [joined(point.layers), told(point), *costs]

    chosen = Table(
        title=Text(printable(f"{card.model['source']}: largest gain within {choice.budget.text}")),
        caption=(
            "gain in nats per completion token" if forecast else "gain as a share of all layers'"
        )
        + (
            ", calibrated by the card's pilot (in brackets: four cases of five), by the "
            if calibrated
            else ", ± 95% sampling interval, by the "
        )
        + f"{choice.predictor_title}; time and peak memory of a training step, "
        f"{choice.costs.step_title}; serving added to one decoded token, by "
        f"{TITLES[choice.costs.engine]}",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    heads = ("layers", "gain", "time", "memory", "serving", "weights")
    rivals = {"placement": choice.best}
    if choice.runner_up is not None:
        rivals["runner-up"] = choice.runner_up
    chosen.add_column("", no_wrap=True)
    for head in rivals:
        chosen.add_column(head, style="bold" if head == "placement" else "")
    columns = [row(point, shares=False) for point in rivals.values()]
    for head, *values in zip(heads, *columns, strict=True):
        chosen.add_row(head, *values)
    front = Table(
        title="Pareto front, costs as shares of all layers'"
        + (f" ({SHOWN} of {len(choice.front)} points)" if len(choice.front) > SHOWN else ""),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for head in heads:
        front.add_column(head, justify="left" if head in ("layers", "gain") else "right")
    for point in shortened(choice.front):
        style = "bold" if point == choice.best else ""
        front.add_row(*row(point, shares=True), style=style)
    lines = [*choice.guarantee, *_bounds(choice)] if verbose else []
    if choice.ranks is not None:
        lines.append(
            f"ranks moved at {choice.ranks.parameters} parameters (uniform: "
            f"{choice.ranks.uniform_parameters}): {number(choice.ranks.gain_ratio)} times the sum "
            "of the modules' gains, without coupling"
        )
    notes = [Text(f"• {line}") for line in lines]
    return Group(chosen, front, Padding(Group(*notes), (1, 0, 0, 0)))


def _bounds(choice: "Choice") -> list[str]:
    bounds = choice.bounds
    upper, signed = bounds["upper"], bounds["signed_upper"]
    paper = (
        f"void above, for rho = {number(bounds['coupling'])} is not below 1"
        if upper is None
        else f"at most {number(upper)}"
    )
    return [
        f"joint gain of these layers {number(bounds['gain'])}, sum of their single gains "
        f"{number(bounds['sum_of_gains'])}",
        f"paper's form (reconstruction, 1b): at least {number(bounds['lower'])}, {paper}",
        f"signed form (extension, 1f): between {number(bounds['signed_lower'])} and "
        f"{'no bound' if signed is None else number(signed)}",
    ]

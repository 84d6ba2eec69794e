"""The decision in words: which layers, how sure, for which run, and what to type next."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from realmodel.card.warnings import EDITED, caveats, is_forecast
from realmodel.placement.place import place
from realmodel.report.level import Level, share
from realmodel.runs.numbers import number
from realmodel.runs.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from realmodel.card.layer_card import LayerCard
    from realmodel.placement.exchange import Exchange
    from realmodel.placement.place import Choice

LISTED = 8
"""Layers of which a sentence names the prices; the record holds all."""


@dataclass(frozen=True)
class Verdict:
    """A placement as an engineer needs it.

    Attributes
    ----------
    layers : tuple of int
        Block indices.
    headline : str
        Which layers, and which share of the gain of all of them they have.
    rows : tuple of (str, str)
        A word and a sentence each, most important first.
    warnings : tuple of str
    """

    layers: tuple[int, ...]
    headline: str
    rows: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def verdict(card: "LayerCard", choice: "Choice | None" = None) -> Verdict:
    """Put a choice into words; by default that of the card's own certificate.

    Parameters
    ----------
    card : LayerCard
    choice : Choice, optional
        Made on this card.
    """
    if choice is None:
        if card.refusal is not None:
            return _refused(card)
        choice = recommended(card)
    best = choice.best
    level = Level.of(card, choice.predictor, best.gain)
    whole = level.gain(choice.whole.gain)
    reached = ""
    if len(best.layers) < len(card.layers) and whole > 0:
        reached = f" for {level.chosen / whole:.0%} of the gain of all {len(card.layers)} layers"
    rows = [
        ("gain", _gain(card, choice)),
        ("cost", _cost(choice)),
        ("certified", _certified(choice, level)),
        *_shape(choice, level),
        *_confidence(choice, level),
        *_prices(choice, level),
        ("valid for", _valid(card, choice)),
        ("training", _checked(card, choice)),
    ]
    return Verdict(
        best.layers,
        f"Adapt {named(best.layers)}{reached}.",
        tuple(rows),
        caveats(card, choice.predictor),
    )


def own_verdict(card: "LayerCard", choice: "Choice | None") -> Verdict:
    """The card's own, whose choice (:func:`recommended`) may be known: its refusal comes first."""
    return verdict(card, None if card.refusal is not None else choice)


def recommended(card: "LayerCard") -> "Choice":
    """The card's own choice: its certificate's number of layers, whatever its pilot says."""
    size = str(len(card.certificate.layers))
    return place(card, objective="gain", budget=size, force=True)


def _refused(card: "LayerCard") -> Verdict:
    """A card whose pilot found that nothing can be ranked."""
    assert card.refusal is not None
    return Verdict(
        (),
        "No ranking: the planned run teaches nothing that layers could be ranked by.",
        (("pilot", card.refusal), ("valid for", _planned(card))),
        (EDITED,) if card.edited else (),
    )


def named(layers: tuple[int, ...]) -> str:
    """Layers in a sentence.

    >>> named((3,)), named((0, 1, 6))
    ('layer 3', 'layers 0, 1 and 6')
    """
    if len(layers) == 1:
        return f"layer {layers[0]}"
    return f"layers {', '.join(map(str, layers[:-1]))} and {layers[-1]}"


def _gain(card: "LayerCard", choice: "Choice") -> str:
    best = choice.best
    if not is_forecast(card, choice.predictor):
        return "the order of placements is meant; the level is no forecast here"
    of = f"nats per token predicted, of a loss of {number(card.data['loss'])}"
    if best.forecast is not None and card.pilot is not None:
        low, high = number(best.forecast.low), number(best.forecast.high)
        return (
            f"{number(best.forecast.gain)} ({low} to {high} in four cases of five) {of}; by the "
            f"{choice.predictor_title}, its level calibrated by {card.pilot.title}"
        )
    spread = "" if best.gain_error is None else f" ± {number(1.96 * best.gain_error)} (95%)"
    text = f"{number(best.gain)}{spread} {of}; by the {choice.predictor_title}"
    if choice.predictor == "tangent":
        text += ", its level not calibrated by a pilot: mostly too low for few layers"
    return text


def _cost(choice: "Choice") -> str:
    costs = choice.best.costs
    named_shares = ", ".join(
        f"{share(costs[f'{kind}_share'], 1.0)} of the {title}"
        for kind, title in (
            ("time", "training time"),
            ("memory", "memory"),
            ("serving", "added latency"),
            ("parameters", "adapter weights"),
        )
    )
    return f"{named_shares} that all layers take"


def _certified(choice: "Choice", level: Level) -> str:
    found = choice.certificate
    if found.gap <= 1e-9:
        within = "the budget" if choice.shape is None else "the budget and the shape"
        return f"the best possible placement in this model within {within} (0% behind, proved)"
    best = level.gain(found.gain_at_most)
    behind = share(best - level.gain(found.gain), best)
    return f"within {behind} of the best possible placement in this model"


def _shape(choice: "Choice", level: Level) -> Iterator[tuple[str, str]]:
    """What a shape costs."""
    if choice.shape is None:
        return
    free = ", ".join(str(choice.indices[at]) for at in choice.shape.free.layers)
    best, own = level.gain(choice.shape.free.gain), level.gain(choice.shape.gain)
    sets = "" if choice.shape.sets is None else f", the best of {choice.shape.sets} such sets"
    yield (
        "shape",
        f"{choice.shape.shape.title} alone{sets}: costs {share(best - own, best)} of the "
        f"gain of the best layers of any shape ({free})",
    )


def _confidence(choice: "Choice", level: Level) -> Iterator[tuple[str, str]]:
    """Which layers lead, which are ties, and what the runner-up loses."""
    clear = tuple(choice.indices[swap.out] for swap in choice.exchanges if swap.leads)
    ties = [swap for swap in choice.exchanges if swap.leads is False]
    if clear:
        least = min(swap.loss for swap in choice.exchanges if swap.leads)
        verb, them = ("leads", "it") if len(clear) == 1 else ("lead", "any of them")
        yield (
            "clear",
            f"{named(clear)} {verb} clearly: in place of {them} the next best layer loses "
            f"{level.change(-least)} of the gain or more, beyond sampling error",
        )
    if ties:
        told = "; ".join(_tie(choice, swap, level) for swap in ties[:LISTED])
        more = f"; and {len(ties) - LISTED} more" if len(ties) > LISTED else ""
        yield "ties", f"{told}{more}: within sampling error, take either"
    if choice.exchanges and choice.exchanges[0].leads is None:
        yield "ties", "not known: the card's replicates are not beside it"
    if choice.runner_up is None:
        yield "runner-up", "none: the budget admits one choice alone"
        return
    assert choice.margin is not None
    text = f"{named(choice.runner_up.layers)}: less by {level.change(-choice.margin)}"
    if choice.margin_error is not None:
        sure = choice.margin > 1.96 * choice.margin_error
        text += f" ± {level.change(1.96 * choice.margin_error)} (95%), " + (
            "more than chance on this sample" if sure else "not distinguishable on this sample"
        )
    yield "runner-up", text


def _tie(choice: "Choice", swap: "Exchange", level: Level) -> str:
    out = choice.indices[swap.out]
    error = "" if swap.error is None else f" ± {level.change(1.96 * swap.error)}"
    rival = "nothing" if swap.into is None else f"{choice.indices[swap.into]}"
    return f"{out} with {rival} ({level.change(-swap.loss)}{error})"


def _prices(choice: "Choice", level: Level) -> Iterator[tuple[str, str]]:
    """What each layer is worth, as shares of the gain: dearest first."""
    priced = sorted(
        zip(choice.indices, choice.certificate.prices, strict=True), key=lambda row: -row[1]
    )
    for word, sentence, taken in (
        ("dropping", "costs at least", True),
        ("adding", "gains at most", False),
    ):
        sign = -1 if taken else 1
        rows = [row for row in priced if (row[0] in choice.best.layers) == taken]
        if not rows:
            continue
        (first, most), *others = rows[:LISTED]
        told = f"{sentence} {level.change(sign * most)} of this gain for layer {first}"
        told += "".join(f", {level.change(sign * price)} for {layer}" for layer, price in others)
        if len(rows) > LISTED:
            told += (
                f"; {level.change(sign * rows[LISTED][1])} or less for {len(rows) - LISTED} more"
            )
        yield word, told


def _valid(card: "LayerCard", choice: "Choice") -> str:
    if choice.predictor == "gauss-newton":
        return "training without a limit on steps, which short runs do not reach"
    if card.protocol is None:
        return f"the run of the {choice.predictor_title}, on data like {card.data['source']}"
    return _planned(card)


def _planned(card: "LayerCard") -> str:
    assert card.protocol is not None
    return (
        f"{card.protocol.title}, falling linearly to zero, alpha {card.protocol.alpha:g}; measure "
        "another card for another run"
    )


def _checked(card: "LayerCard", choice: "Choice") -> str:
    found = [
        run
        for run in card.measured
        if tuple(run.get("layers", ())) == choice.best.layers and run.get("gain") is not None
    ]
    if not found:
        return "not checked by training yet"
    gains = ", ".join(number(run["gain"]) for run in found)
    return f"checked: training these layers gained {gains} nats per token"


def next_commands(card: "LayerCard", choice: "Choice | None", path: str, folder: str) -> str:
    """The commands that come after a card or a placement, ready to paste.

    Parameters
    ----------
    card : LayerCard
    choice : Choice or None
        None after a card: placing comes first.
    path : str
        Of ``card.json``.
    folder : str
        Where the placement is, or shall be written.
    """
    train = training_command(card, folder)
    if choice is not None:
        return train
    if card.refusal is not None:
        assert card.protocol is not None
        lower = card.protocol.learning_rate / 10
        return f"# the same command again with --learning-rate {lower:g}, then place"
    size = len(card.certificate.layers)
    chosen = (
        f"layercard place {shlex.quote(path)} \\\n"
        f"  --budget {size} --output-dir {shlex.quote(folder)}"
    )
    return f"{printable_lines(chosen)}\n{train}"


def training_command(card: "LayerCard", folder: str) -> str:
    """The command that trains the placement in a folder on the card's data, ready to paste."""
    placed = f"{folder}/placement.json"
    return printable_lines(
        f"layercard finetune --placement {shlex.quote(placed)} \\\n"
        f"  --data {shlex.quote(card.data['source'])}{_reading(card)} \\\n"
        "  --seeds 2 --output-dir out/run"
    )


def _reading(card: "LayerCard") -> str:
    """Options by which the card's data were read, to read them alike."""
    words: list[str] = []
    for name, value in card.data.get("reading", {}).items():
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{name.replace('_', '-')}", shlex.quote(str(one))]
    return " " + " ".join(words) if words else ""


def printable_lines(text: str) -> str:
    """Lines that a stranger's file name cannot turn into others."""
    return "\n".join(printable(line) for line in text.split("\n"))


def verdict_text(found: Verdict) -> "RenderableType":
    """For a terminal: the headline, then a word and a sentence a line."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for word, sentence in found.rows:
        rows.add_row(Text(word, style="dim"), Text(printable(sentence)))
    for warning in found.warnings:
        rows.add_row(Text("warning", style="yellow"), Text(warning, style="yellow"))
    return Group(Text(), Text(found.headline, style="bold"), rows)

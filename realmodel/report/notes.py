"""What the coupling guarantees on this card, in sentences."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from realmodel.card.warnings import EDITED, boasting
from realmodel.model.modules import summarised
from realmodel.runs.numbers import number

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard

MOST_REASONS = 4
"""The card's JSON holds all of them."""


@dataclass(frozen=True)
class Note:
    """One sentence on a bound; ``void`` where the bound says nothing here."""

    text: str
    void: bool = False


def notes(card: "LayerCard") -> tuple[Note, ...]:
    """Joint gain, which bounds hold and which are void, and the direction of the coupling."""
    record, coupling = card.additivity, card.coupling
    total, gain = record["sum_of_gains"], record["gain"]
    found = [
        Note(
            f"All layers together gain {number(gain)} nats per token in the quadratic model; the "
            f"sum of their single gains is {number(total)}"
            + (f", {number(total / gain)} times as much." if gain > 0 else ".")
        )
    ]
    if record["upper"] is None:
        found.append(
            Note(
                f"Coupling rho = {number(coupling.rho)} is not below 1: the paper's upper bound "
                "(reconstruction, 1b) is void here.",
                void=True,
            )
        )
    else:
        found.append(
            Note(
                f"rho = {number(coupling.rho)} < 1, so the joint gain lies between "
                f"{number(record['lower'])} and {number(record['upper'])} (reconstruction, 1b)."
            )
        )
    found.extend(_left_out(card))
    low, high = number(coupling.lowest), number(coupling.highest)
    if record["signed_upper"] is None:
        found.append(Note(f"mu_min = {low}: the signed upper bound is void too.", void=True))
    else:
        weak = record["signed_upper"] > 10 * gain
        found.append(
            Note(
                f"The signed range [{low}, {high}] (extension, 1f) puts the joint gain between "
                f"{number(record['signed_lower'])} and {number(record['signed_upper'])}"
                + (": true, but too wide to decide anything." if weak else "."),
                void=weak,
            )
        )
    if coupling.alignment is not None:
        word = "redundant" if coupling.alignment > 0 else "synergistic"
        advice = (
            "layers that lie apart gain more than neighbours if coupling fades with distance"
            if coupling.alignment > 0
            else "coupled layers gain more together than apart"
        )
        found.append(
            Note(
                f"Along the gradient the layers are {word} (tau = {number(coupling.alignment)}, "
                f"extension, 1g): to first order, {advice}."
            )
        )
    for interval in card.intervals:
        layers = ", ".join(str(layer) for layer in interval["layers"])
        found.append(
            Note(
                f"With every weight of layers {layers} free, the damped Gauss-Newton gain lies "
                f"between {number(interval['lower'])} and {number(interval['upper'])} (8f, damping "
                f"{number(interval['damping'])}, standard error "
                f"{number(interval['standard_error'])}), without the gradient's noise between "
                f"{number(interval['cross_fitted_lower'])} and "
                f"{number(interval['cross_fitted_upper'])}."
            )
        )
    if card.protocol is not None:
        found.append(
            Note(
                f"The planned run is {card.protocol.title} falling linearly to zero, alpha "
                f"{card.protocol.alpha:g}: gains in budget are of this run and of no other."
            )
        )
    if card.tangent is not None:
        model, boast = card.tangent, boasting(card)
        promised = model.quadratic.gain()
        found.append(
            Note(
                f"The {model.title} promises {number(promised)} nats per token of all layers, at "
                f"rho = {number(model.quadratic.coupling)}. It orders placements better than the "
                "model without a limit (docs/evidence.md), so layercard place goes by it. "
                + (boast or "Its level is not a forecast."),
                void=boast is not None,
            )
        )
    if card.edited:
        found.append(Note(EDITED, void=True))
    return tuple(found)


def _left_out(card: "LayerCard") -> list[Note]:
    """What the measured modules are not; cards of before do not say."""
    share = card.model.get("left_out")
    if share is None:
        return []
    reasons = summarised(card.model.get("excluded", {}))
    text = (
        f"Measured are {1 - share['parameters']:.0%} of the model's parameters; the others hold "
        f"{share['gradient']:.0%} of the squared gradient (on {share['sequences']} sequences) and "
        "cannot be placed on."
    )
    if reasons:
        text += f" Left out: {'; '.join(reasons[:MOST_REASONS])}"
        rest = len(reasons) - MOST_REASONS
        text += f"; and {rest} kinds more." if rest > 0 else "."
    return [Note(text)]

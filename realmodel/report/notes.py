"""What the coupling guarantees on this card, in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from realmodel.card.warnings import EDITED, boasting
from realmodel.model.modules import summarised
from realmodel.runs.numbers import number

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard
    from realmodel.card.pilot import Pilot
    from realmodel.card.trials import Trials

MOST_REASONS = 4
"""The card's JSON holds all of them."""

WIDE = 10
"""Times the gain: a bound beyond is left to the card's JSON, and the certificate speaks."""


@dataclass(frozen=True)
class Note:
    """One sentence on a bound; ``void`` where the bound says nothing here."""

    text: str
    void: bool = False


def notes(card: "LayerCard") -> tuple[Note, ...]:
    """Joint gain, which bounds hold and which are void, and the direction of the coupling."""
    return (
        _level(card),
        _certificate(card),
        *_gains(card),
        *_left_out(card),
        *([_regime(card)] if card.stepped.protocol else []),
        *_signed(card),
        *_intervals(card),
        *_models(card),
        *([Note(EDITED, void=True)] if card.edited else []),
    )


def _gains(card: "LayerCard") -> Iterator[Note]:
    """The joint gain beside the sum of single gains, and the paper's bounds on it."""
    record, rho = card.additivity, card.coupling.rho
    total, gain = record["sum_of_gains"], record["gain"]
    yield Note(
        f"All layers together gain {number(gain)} nats per token in the quadratic model; the "
        f"sum of their single gains is {number(total)}"
        + (f", {number(total / gain)} times as much." if gain > 0 else ".")
    )
    if record["upper"] is None:
        yield Note(
            f"Coupling rho = {number(rho)} is not below 1: the paper's upper bound "
            "(reconstruction, 1b) is void here.",
            void=True,
        )
    else:
        yield Note(
            f"rho = {number(rho)} < 1, so the joint gain lies between "
            f"{number(record['lower'])} and {number(record['upper'])} (reconstruction, 1b)."
        )


def _signed(card: "LayerCard") -> Iterator[Note]:
    """What the coupling's signs say: the range of the joint gain, and redundancy or synergy."""
    record, coupling = card.additivity, card.coupling
    if record["signed_upper"] is not None and record["signed_upper"] <= WIDE * record["gain"]:
        yield Note(
            f"The signed range [{number(coupling.lowest)}, {number(coupling.highest)}] "
            f"(extension, 1f) puts the joint gain between {number(record['signed_lower'])} and "
            f"{number(record['signed_upper'])}."
        )
    if coupling.alignment is not None:
        word, advice = (
            (
                "redundant",
                "layers that lie apart gain more than neighbours if coupling fades with distance",
            )
            if coupling.alignment > 0
            else ("synergistic", "coupled layers gain more together than apart")
        )
        yield Note(
            f"Along the gradient the layers are {word} (tau = {number(coupling.alignment)}, "
            f"extension, 1g): to first order, {advice}."
        )


def _intervals(card: "LayerCard") -> Iterator[Note]:
    """Gains with every weight free."""
    for interval in card.intervals:
        layers = ", ".join(str(layer) for layer in interval["layers"])
        yield Note(
            f"With every weight of layers {layers} free, the damped Gauss-Newton gain lies "
            f"between {number(interval['lower'])} and {number(interval['upper'])} (8f, damping "
            f"{number(interval['damping'])}, standard error "
            f"{number(interval['standard_error'])}), without the gradient's noise between "
            f"{number(interval['cross_fitted_lower'])} and "
            f"{number(interval['cross_fitted_upper'])}."
        )


def _models(card: "LayerCard") -> Iterator[Note]:
    """Of which run the gains are, and what the exact curvature says without a limit on steps."""
    if card.protocol is not None:
        yield Note(
            f"The planned run is {card.protocol.title}, falling linearly to zero, alpha "
            f"{card.protocol.alpha:g}: gains in budget are of this run and of no other."
        )
    if card.gauss_newton is not None and card.tangent is not None:
        exact = card.gauss_newton.quadratic
        yield Note(
            f"Without a limit on steps the exact Gauss-Newton model, within "
            f"{number(card.options['directions'])} directions per module, gains "
            f"{number(exact.gain())} nats per token of all layers, at rho = "
            f"{number(exact.coupling)}. It orders placements worse (docs/evidence.md)."
        )


def _certificate(card: "LayerCard") -> Note:
    """How good the best layers of the default size are: it holds at any coupling."""
    found = card.certificate
    text = (
        f"Layers {', '.join(map(str, found.layers))} together gain {number(found.gain)}, and no "
        f"{len(found.layers)} layers gain more than {number(found.gain_at_most)} in this model: "
    )
    proved = "they are the best" if found.gap <= 1e-9 else f"certified within {found.gap:.2%}"
    return Note(f"{text}{proved} (extension, 10a, at any coupling).")


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


def _level(card: "LayerCard") -> Note:
    """Whether the promised gain of all layers can be a forecast."""
    if card.pilot is not None:
        return _pilot(card.pilot, card.trials)
    boast = boasting(card)
    if boast is not None:
        return Note(boast, void=True)
    return Note(
        f"Gains are of the {card.predictor().title}: their order is meant, their level no forecast."
    )


def _pilot(pilot: "Pilot", trials: "Trials | None") -> Note:
    """What short runs say of the level."""
    if pilot.refusal is not None:
        return Note(f"The pilot refuses to rank: {pilot.refusal}.", void=True)
    runs = " and ".join(
        f"{number(run.gain)} where the tangent model has {number(run.promised)} ({words})"
        for run, words in (
            (pilot.whole, "all layers"),
            (pilot.chosen, f"layers {', '.join(map(str, pilot.chosen.layers))}"),
        )
    )
    tried = saturating = ""
    if trials is not None:
        if trials.saturation.ceiling < inf:
            saturating = ", before joint gains saturate"
        tried = (
            f" Runs of {len(trials.runs)} single layers gained "
            f"{number(min(run.gain for run in trials.runs))} to "
            f"{number(max(run.gain for run in trials.runs))}: layers' gains are corrected by them."
        )
    return Note(
        f"A pilot of {pilot.protocol.steps} steps gained {runs}, on {pilot.heldout} sequences held "
        f"out.{tried} Forecasts are calibrated by it; bounds, prices and gains alone are the "
        f"model's own{saturating}."
    )


def _regime(card: "LayerCard") -> Note:
    """Up to how many steps layers add up as the paper has it."""
    steps, model = card.additive_steps, card.stepped
    if steps is None:
        return Note("Layers stay additive, in the paper's sense, however long the run.")
    planned, budget = int(model.protocol["steps"]), model.budget
    assert budget is not None
    if steps:
        certain = card.certain_steps
        text = (
            f"Layers are additive, in the paper's sense (rho < 1), up to {steps} steps of this "
            f"run within the card's directions; certain without measurement up to "
            f"{'any number' if certain is None else certain} (extension, 11)"
        )
    else:
        text = (
            "Layers are not additive, in the paper's sense (rho < 1), from the first step of this "
            f"run: for that its learning rates may add up to {number(budget.additive_budget)}, and "
            f"they add up to {number(budget.budget)} (extension, 11)"
        )
    return Note(f"{text}; {planned} steps are planned.", void=steps < planned)

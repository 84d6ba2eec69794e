"""A choice of kinds or of modules in words."""

from typing import TYPE_CHECKING

from realmodel.card.warnings import is_forecast
from realmodel.report.level import Level, share
from realmodel.report.verdict import Verdict
from realmodel.runs.numbers import amount, joined, number

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard
    from realmodel.placement.place_modules import ModuleChoice, ModuleSet


def module_verdict(card: "LayerCard", choice: "ModuleChoice") -> Verdict:
    """Put a choice of modules into words.

    Parameters
    ----------
    card : LayerCard
    choice : ModuleChoice
        Made on this card.
    """
    best, whole = choice.best, choice.everything
    level = Level.of(card, "tangent", best.gain)
    parameters = amount(best.parameters, "parameters")
    count = f"{len(best.modules)} of {len(whole.modules)} modules"
    rows = [
        *(("take", line) for line in by_kind(card, best)),
        ("gain", _gain(card, choice)),
        (
            "cost",
            f"{parameters} parameters, {share(best.parameters, whole.parameters)} of all modules'; "
            f"{_costs(choice)}; backward runs down to layer {best.layers[0]}",
        ),
        ("certified", _certified(choice, level)),
        ("layers", _whole_layers(choice, level)),
    ]
    reached = share(level.gain(best.gain), level.gain(whole.gain))
    headline = f"Adapt {count} for {reached} of the gain of all of them."
    return Verdict(best.layers, headline, tuple(rows), choice.warnings)


def by_kind(card: "LayerCard", chosen: "ModuleSet") -> tuple[str, ...]:
    """One line for each kind, with its layers."""
    kinds: dict[str, list[int]] = {}
    names = set(chosen.modules)
    for module in card.modules:
        if module.name in names:
            kinds.setdefault(module.kind, []).append(module.layer)
    every = len(card.layers)
    return tuple(
        f"{kind} in {'every layer' if len(layers) == every else f'layers {joined(layers)}'}"
        if len(layers) > 1
        else f"{kind} in layer {layers[0]}"
        for kind, layers in kinds.items()
    )


def _gain(card: "LayerCard", choice: "ModuleChoice") -> str:
    if not is_forecast(card, "tangent"):
        return "the order of placements is meant; the level is no forecast here"
    if choice.forecast is not None:
        low, high = choice.forecast.low, choice.forecast.high
        return (
            f"{number(choice.forecast.gain)} ({number(low)} to {number(high)}) nats per token "
            f"expected; by the {choice.predictor_title}, its level calibrated by the card's pilot"
        )
    spread = "" if choice.gain_error is None else f" ± {number(1.96 * choice.gain_error)} (95%)"
    return (
        f"{number(choice.best.gain)}{spread} nats per token predicted; by the "
        f"{choice.predictor_title}, module by module"
    )


def _certified(choice: "ModuleChoice", level: Level) -> str:
    units = "kinds" if choice.unit == "kind" else "modules"
    if choice.gap <= 1e-9:
        return f"the best possible {units} in this model within the budget (0% behind, proved)"
    most = level.gain(choice.gain_at_most)
    behind = share(most - level.gain(choice.best.gain), most)
    return f"within {behind} of the best possible {units} in this model"


def _costs(choice: "ModuleChoice") -> str:
    """Each as a share of adapting every layer, as the budget counts."""
    costs, engine = choice.best.costs, choice.device_costs.engine
    shares = {kind: share(costs[f"{kind}_share"], 1.0) for kind in ("time", "memory", "serving")}
    return (
        f"{shares['time']} of every layer's time and {shares['memory']} of its memory a step, "
        f"{shares['serving']} of what {engine} adds to a token"
    )


def _whole_layers(choice: "ModuleChoice", level: Level) -> str:
    layers, counted = choice.whole_layers, choice.budget.objective in ("gain", "parameters")
    if layers is None:
        return "no whole layer fits" + (" in as many parameters" if counted else " the budget")
    lead, own = choice.best.gain - layers.gain, level.gain(choice.best.gain)
    within = "with as many parameters at most" if counted else "within the budget"
    difference = abs(own - level.gain(layers.gain))
    text = (
        f"the best whole layers {within} are {joined(layers.layers)}: "
        f"{share(difference, own)} {'less' if lead >= 0 else 'more'} gain"
    )
    if choice.lead_error is None:
        return text
    sure = abs(lead) > 1.96 * choice.lead_error
    return f"{text}, {'more than chance' if sure else 'not distinguishable'} on this sample"

"""A choice of kinds or of modules in words."""

from typing import TYPE_CHECKING

from realmodel.card.warnings import is_forecast
from realmodel.report.verdict import Verdict, share
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
    parameters = amount(best.parameters, "parameters")
    count = f"{len(best.modules)} of {len(whole.modules)} modules"
    rows = [
        *(("take", line) for line in by_kind(card, best)),
        ("gain", _gain(card, choice)),
        (
            "cost",
            f"{parameters} parameters, {share(best.parameters, whole.parameters)} of all modules'; "
            f"backward runs down to layer {best.layers[0]}",
        ),
        ("certified", _certified(choice)),
        ("layers", _whole_layers(choice)),
    ]
    headline = f"Adapt {count} for {share(best.gain, whole.gain)} of the gain of all of them."
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
    spread = "" if choice.gain_error is None else f" ± {number(1.96 * choice.gain_error)}"
    return (
        f"{number(choice.best.gain)}{spread} nats per token predicted; by the "
        f"{choice.predictor_title}, module by module"
    )


def _certified(choice: "ModuleChoice") -> str:
    units = "kinds" if choice.unit == "kind" else "modules"
    if choice.gap <= 1e-9:
        return f"the best possible {units} in this model within the budget (0% behind, proved)"
    return f"within {share(choice.gap, 1.0)} of the best possible {units} in this model"


def _whole_layers(choice: "ModuleChoice") -> str:
    layers = choice.whole_layers
    if layers is None:
        return "no whole layer fits in as many parameters"
    lead = choice.best.gain - layers.gain
    text = (
        f"the best whole layers with as many parameters at most are {joined(layers.layers)}: "
        f"{share(abs(lead), choice.best.gain)} {'less' if lead >= 0 else 'more'} gain"
    )
    if choice.lead_error is None:
        return text
    sure = abs(lead) > 1.96 * choice.lead_error
    return f"{text}, {'more than chance' if sure else 'not distinguishable'} on this sample"

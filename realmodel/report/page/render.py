"""Fill the page's template; the styles, the script and the data go inside it."""

from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from realmodel.model.lora_config import lora_config_arguments
from realmodel.placement.export import (
    FORMATS,
    ExportedPlacement,
    formats_for,
    lora_config_code,
)
from realmodel.report.columns import COLUMNS
from realmodel.report.notes import notes
from realmodel.report.page.against import against
from realmodel.report.page.glossary import GLOSSARY, linked, results
from realmodel.report.page.payload import kinds, payload
from realmodel.report.verdict import next_commands, own_verdict, recommended
from realmodel.runs.numbers import amount, cell, number

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard
    from realmodel.placement.place import Choice


def html(card: "LayerCard", path: str = "card.json", choice: "Choice | None" = None) -> str:
    """One HTML page that needs no network, no server and no other file.

    Parameters
    ----------
    card : LayerCard
    path : str
        Of ``card.json`` in the commands that can be copied.
    choice : Choice, optional
        :func:`realmodel.report.verdict.recommended`, where it is known already.
    """
    environment = Environment(
        loader=PackageLoader("realmodel.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Any = environment.filters
    filters.update(number=number, cell=cell, amount=amount)
    source = environment.loader
    assert source is not None
    css, js = (source.get_source(environment, f"page.{kind}")[0] for kind in ("css", "js"))
    record = card.to_dict()
    choice = recommended(card) if choice is None else choice
    refused = card.refusal is not None
    beside = against(card, choice)
    found = notes(card)
    named = results([note.text for note in found])
    known = frozenset(name for name, _, _ in named)
    measured = sorted({name for run in record["measured"] for name in run})
    return environment.get_template("page.html").render(
        card=record,
        css=Markup(css),
        js=Markup(js),
        data=Markup(payload(card, record, beside)),
        kinds=kinds(card),
        columns=COLUMNS,
        notes=[(linked(note.text, known), note.void) for note in found],
        glossary=GLOSSARY,
        results=named,
        verdict=own_verdict(card, choice),
        refused=refused,
        against=beside,
        commands=next_commands(card, None, path, "out/place"),
        trainers=[] if refused else _trainers(card, choice.best.layers),
        measured_columns=measured,
        cost=_cost_words(card),
        predictor=card.predictor().title,
        provenance=_provenance(record),
    )


def _trainers(card: "LayerCard", layers: tuple[int, ...]) -> list[dict[str, str]]:
    """What to paste into each trainer for these layers."""
    arguments = lora_config_arguments(
        layers, card.modules, card.options["rank"], card.options["alpha"]
    )
    placed = {
        module.name: (module.layer, module.kind)
        for module in card.modules
        if module.name in arguments["target_modules"]
    }
    exported = ExportedPlacement(
        arguments,
        str(card.model["source"]),
        str(card.model["dtype"]),
        depth=1 + max(card.indices),
        modules=placed,
        run={} if card.protocol is None else card.protocol.planned(),
    )
    texts = {"peft": lora_config_code(arguments)}
    for name in ("trl", "axolotl"):
        if name in formats_for(exported):
            (texts[name],) = FORMATS[name].render(exported).values()
    titles = {"peft": "peft", "trl": "TRL", "axolotl": "axolotl"}
    return [{"name": name, "title": titles[name], "text": text} for name, text in texts.items()]


def _cost_words(card: "LayerCard") -> dict[str, str]:
    costs = card.costs
    time, memory = costs.unit("time"), costs.unit("memory")
    passing = f"{amount(costs.time.per_depth, time)} and {amount(costs.memory.per_depth, memory)}"
    if not costs.calibrated:
        words = "Counted from shapes, not measured."
    else:
        words = f"Time, memory and latency measured on {costs.device}, {costs.step_title}"
        if costs.residual is not None:
            words += f"; fit within {100 * costs.residual:.0f}% of the time"
        if costs.memory_residual is not None:
            words += f", {100 * costs.memory_residual:.0f}% of the memory"
        words += "."
    return {"passing": passing, "words": words, "serving_unit": costs.unit("serving")}


def _provenance(record: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("Measured", record["created"])]
    for section in ("model", "data", "options"):
        rows += [
            (f"{section.capitalize()}: {name.replace('_', ' ')}", cell(value))
            for name, value in record[section].items()
        ]
    costs = record["costs"]
    rows.append(("Costs", f"{costs['device']}, {costs['tokens']} tokens a step"))
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    rows.append(("Versions", versions))
    return rows

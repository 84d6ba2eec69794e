"""Fill the page's template; the styles, the script and the data go inside it."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from realmodel.card.warnings import is_forecast
from realmodel.model.lora_config import lora_config_arguments
from realmodel.placement.export.python_code import lora_config_code
from realmodel.placement.frontier import frontier
from realmodel.report.columns import COLUMNS, PROFILES
from realmodel.report.notes import notes
from realmodel.report.verdict import next_commands, verdict
from realmodel.runs.numbers import amount, cell, number

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard

KINDS = (
    ("time", "training time", "training time per step"),
    ("memory", "memory", "bytes kept per training step"),
    ("serving", "serving latency", "added to one decoded token, unmerged"),
)


def html(card: "LayerCard") -> str:
    """One HTML page that needs no network, no server and no other file."""
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
    kinds = [
        {"name": name, "title": title, "axis": axis, "unit": card.costs.unit(name)}
        for name, title, axis in KINDS
    ]
    measured = sorted({name for run in record["measured"] for name in run})
    return environment.get_template("page.html").render(
        card=record,
        css=Markup(css),
        js=Markup(js),
        data=Markup(_script_safe(_page_data(card, record, kinds))),
        kinds=kinds,
        columns=COLUMNS,
        notes=notes(card),
        verdict=verdict(card),
        commands=next_commands(card, None, "card.json", "out/place"),
        peft=_peft(card),
        measured_columns=measured,
        cost=_cost_words(card),
        predictor=card.predictor().title,
        provenance=_provenance(record),
    )


def _page_data(
    card: "LayerCard", record: dict[str, Any], kinds: list[dict[str, str]]
) -> dict[str, Any]:
    everything = tuple(range(len(card.layers)))
    arguments = lora_config_arguments(
        card.indices, card.modules, card.options["rank"], card.options["alpha"]
    )
    columns = {column.name: asdict(column) for column in COLUMNS}
    return {
        "layers": record["layers"],
        "certificate": record["certificate"],
        "forecast": is_forecast(card),
        "coupling": {name: record["coupling"][name] for name in ("matrix", "signed_matrix")},
        "fronts": {
            kind["name"]: [point.to_dict() for point in frontier(card, kind["name"])]
            for kind in kinds
        },
        "kinds": kinds,
        "tiles": [
            *({**kind, "title": kind["title"].capitalize()} for kind in kinds),
            {"name": "parameters", "title": "Parameters", "unit": "parameters"},
        ],
        "whole": {
            "gain": card.predictor().quadratic.gain(),
            "costs": card.costs.record(everything),
        },
        "profiles": [columns[name] for name in PROFILES],
        "lora": arguments | {"target_modules": []},
    }


def _peft(card: "LayerCard") -> str:
    """Python for the recommended layers."""
    arguments = lora_config_arguments(
        card.certificate.layers, card.modules, card.options["rank"], card.options["alpha"]
    )
    return lora_config_code(arguments)


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
    rows.append(("Versions", cell(record["versions"])))
    return rows


def _script_safe(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

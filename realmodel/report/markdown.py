"""The card as Markdown with YAML front matter, in the manner of a model card."""

import re
from typing import TYPE_CHECKING, Any

import yaml

from realmodel.report.columns import COLUMNS, Column
from realmodel.report.notes import notes
from realmodel.report.verdict import own_verdict
from realmodel.runs.markdown_table import markdown_table
from realmodel.runs.numbers import amount, cell, number
from realmodel.runs.printable import printable

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard
    from realmodel.placement.place import Choice


def markdown(card: "LayerCard", choice: "Choice | None" = None) -> str:
    """Front matter for machines, then bounds, layers, coupling, costs and provenance.

    Parameters
    ----------
    card : LayerCard
    choice : Choice, optional
        :func:`realmodel.report.verdict.recommended`, where it is known already.
    """
    record, found = card.to_dict(), own_verdict(card, choice)
    expected = card.forecast(card.predictor(), tuple(range(len(card.layers))))
    front = {
        "layercard": record["version"],
        "base_model": record["model"]["source"],
        "datasets": [record["data"]["source"]],
        "tags": ["layercard", "lora", "peft"],
        "created": record["created"],
        "loss": record["data"]["loss"],
        "rho": record["coupling"]["rho"],
        "coupling_range": record["coupling"]["range"],
        "predictor": record["predictor"],
        "gain": record["additivity"]["gain"],
        "forecast": None if expected is None else expected.to_dict(),
        "sum_of_gains": record["additivity"]["sum_of_gains"],
        "model": record["model"],
        "data": record["data"],
        "options": record["options"],
        "versions": record["versions"],
    }
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip(),
        "---",
        "",
        f"# Layer Card: {_plain(record['model']['source'])} on {_plain(record['data']['source'])}",
        "",
        "Gains are decreases of the loss in nats per completion token, of a quadratic model: the "
        f"{card.predictor().title}. Only fine-tuning shows how much of a predicted gain comes "
        "true.",
        "",
        "## Recommendation",
        "",
        f"**{found.headline}**",
        "",
        *(f"- {word}: {_plain(sentence)}" for word, sentence in found.rows),
        *(f"- warning: {warning}" for warning in found.warnings),
        "",
        "## What is guaranteed here",
        "",
        *(f"- {note.text}" for note in notes(card)),
        "",
        "## Layers",
        "",
        *_measures("Layer", "layer", record["layers"]),
        "",
        *(f"- {column.title}: {column.help} ({column.unit})" for column in COLUMNS),
        "",
        "## Modules",
        "",
        *_measures("Module", "name", record["modules"]),
        "",
        "## Coupling between layers",
        "",
        "Strength `||M_ij||`, the cosine of the smallest principal angle between what two layers "
        "can change.",
        "",
        *markdown_table(
            ["", *(str(layer) for layer in card.indices)],
            [
                [f"**{layer}**", *(f"{value:.2f}" for value in row)]
                for layer, row in zip(card.indices, record["coupling"]["matrix"], strict=True)
            ],
            numbers=True,
        ),
        "",
        "## Costs of a placement S",
        "",
        f"`base + per depth x (layers from the lowest of S to the top) + sum over S`, at rank "
        f"{card.costs.rank}, {card.costs.step_title}, {_plain(card.costs.device)}.",
        "",
        *markdown_table(
            ["Cost", "base", "per depth", "per layer", "every layer"], _costs(card), numbers=True
        ),
        "",
    ]
    lines += [
        "## Adapters of each layer",
        "",
        "Operations and bytes per token; serving: added to one decoded token.",
        "",
        *markdown_table(
            ["Layer", "parameters", "forward FLOP", "backward FLOP", "kept bytes", "serving"],
            [
                [
                    str(row["layer"]),
                    *(
                        f"{row['cost'][name]:,}"
                        for name in ("parameters", "forward_flops", "backward_flops", "kept_bytes")
                    ),
                    amount(row["cost"]["serving"], card.costs.unit("serving")),
                ]
                for row in record["layers"]
            ],
            numbers=True,
        ),
        "",
    ]
    if card.measured:
        names = sorted({name for run in card.measured for name in run})
        rows = [[_plain(cell(run.get(name))) for name in names] for run in card.measured]
        lines += [
            "## Measured by fine-tuning",
            "",
            *markdown_table([_plain(name) for name in names], rows, numbers=True),
            "",
        ]
    return "\n".join(lines)


def _measures(head: str, key: str, rows: list[dict[str, Any]]) -> list[str]:
    columns = [column for column in COLUMNS if any(row[column.name] is not None for row in rows)]
    quote = "`" if key == "name" else ""
    return markdown_table(
        [head, *(column.title for column in columns)],
        [
            [
                f"{quote}{_plain(str(row[key]))}{quote}",
                *(_measure(row, column) for column in columns),
            ]
            for row in rows
        ],
        numbers=True,
    )


def _measure(row: dict[str, Any], column: Column) -> str:
    text = number(row[column.name])
    if column.error is not None and row[column.error] is not None:
        text += f" ± {number(row[column.error])}"
    return text


def _costs(card: "LayerCard") -> list[list[str]]:
    rows = []
    for kind in card.costs.KINDS:
        cost, unit = card.costs.of(kind), card.costs.unit(kind)
        mean = sum(cost.per_layer) / len(cost.per_layer)
        values = (cost.base, cost.per_depth, mean, card.costs.everything(kind))
        rows.append([f"{kind} ({unit})", *(amount(value, unit) for value in values)])
    return rows


def _plain(text: str) -> str:
    """A name that neither ends its line or its cell nor becomes a link or a tag."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", printable(text))

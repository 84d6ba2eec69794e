"""The data inside the page, from which its script draws and computes."""

import base64
import json
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from realmodel.card.warnings import is_forecast
from realmodel.model.lora_config import lora_config_arguments
from realmodel.placement.frontier import frontier
from realmodel.report.columns import COLUMNS, PROFILES
from realmodel.report.level import Level
from theory.arrays import Array

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard
    from realmodel.report.page.against import Against

KINDS = (
    ("time", "training time", "training time per step"),
    ("memory", "memory", "bytes kept per training step"),
    ("serving", "serving latency", "added to one decoded token, unmerged"),
)


def kinds(card: "LayerCard") -> list[dict[str, str]]:
    """The costs that a budget on the page can limit."""
    return [
        {"name": name, "title": title, "axis": axis, "unit": card.costs.unit(name)}
        for name, title, axis in KINDS
    ]


def payload(card: "LayerCard", record: dict[str, Any], beside: "Against") -> str:
    """JSON that cannot end the script element it stands in.

    Parameters
    ----------
    card : LayerCard
    record : dict
        ``card.to_dict()``.
    beside : Against
        Whose axis a set of the reader's own is drawn on.
    """
    everything = tuple(range(len(card.layers)))
    arguments = lora_config_arguments(
        card.indices, card.modules, card.options["rank"], card.options["alpha"]
    )
    columns = {column.name: asdict(column) for column in COLUMNS}
    own = kinds(card)
    model = card.predictor()
    level = Level.of(card, model.name, card.certificate.gain)
    data = {
        "layers": record["layers"],
        "certificate": record["certificate"],
        "recommended": {"gain": level.chosen, "interval": beside.interval},
        "level": _curve(level),
        "forecast": is_forecast(card),
        "refused": card.refusal is not None,
        "coupling": {name: record["coupling"][name] for name in ("matrix", "signed_matrix")},
        "fronts": {
            kind["name"]: [level.shown(point) for point in frontier(card, kind["name"], model)]
            for kind in own
        },
        "kinds": own,
        "tiles": [
            *({**kind, "title": kind["title"].capitalize()} for kind in own),
            {"name": "parameters", "title": "Parameters", "unit": "parameters"},
        ],
        "whole": {
            "gain": level.gain(model.quadratic.gain()),
            "costs": card.costs.record(everything),
        },
        "costs": {kind: asdict(card.costs.of(kind)) for kind in card.costs.KINDS},
        "quadratic": _quadratic(card),
        "axis": {"end": beside.end, "reference": beside.reference},
        "profiles": [columns[name] for name in PROFILES],
        "lora": arguments | {"target_modules": []},
    }
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _curve(level: Level) -> dict[str, float | None] | None:
    """From the model's gain to the one that is shown; None where they are the same."""
    curve = level.curve
    if curve is None:
        return None
    return {"rate": curve.rate, "ceiling": curve.ceiling if isfinite(curve.ceiling) else None}


def _quadratic(card: "LayerCard") -> dict[str, Any]:
    """Whitened, so that a joint gain needs one well-scaled Cholesky factor.

    The gradient whole; of the coupling what lies below the diagonal, row by row.
    """
    quadratic = card.predictor().quadratic
    below = np.tril_indices(len(quadratic.gradient), -1)
    return {
        "sizes": list(quadratic.sizes),
        "gradient": _packed(quadratic.whitened_gradient),
        "coupling": _packed(quadratic.whitened_coupling[below]),
    }


def _packed(values: Array) -> str:
    """Little-endian doubles in base64: exact, and a third of their length as decimals."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode()

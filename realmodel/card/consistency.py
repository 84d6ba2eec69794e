"""Whether the sections of a card's file say the same thing."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

ROUNDING = 1e-9
"""Relative, of a sum that was made in another order."""

PROTOCOL = ("rank", "alpha", "learning_rate", "steps", "batch_size")


def contradictions(record: Mapping[str, Any]) -> Iterator[str]:
    """What does not agree, one clause each; nothing for a card as it is written.

    Parameters
    ----------
    record : mapping
        Of types and ranges that the schema accepts.
    """
    layers = [row["layer"] for row in record["layers"]]
    if layers != sorted(set(layers)):
        yield f"layers must be ascending and each named once, got {layers[:6]}"
    if record["model"]["layers"] != len(layers):
        yield f"model/layers is {record['model']['layers']}, but {len(layers)} are listed"
    if record["data"]["completion_tokens"] > record["data"]["tokens"]:
        yield "data/completion_tokens exceeds data/tokens"
    yield from _modules(record)
    for section in ("quadratic", "tangent"):
        if (model := record.get(section)) is not None:
            yield from _quadratic(section, model, len(layers))
    if (record["quadratic"] or {}).get("layers", layers) != layers:  # cards of version 1 list them
        yield "quadratic/layers are not the layers listed"
    if record["quadratic"] is None and record.get("tangent") is None:
        yield "it holds neither a tangent model nor a quadratic"
    for kind in ("time", "memory", "serving", "parameters"):
        if len(record["costs"][kind]["per_layer"]) != len(layers):
            yield f"costs/{kind} has another number of layers"
    if record["costs"]["rank"] != record["options"]["rank"]:
        yield f"costs/rank is {record['costs']['rank']}, options/rank {record['options']['rank']}"
    for interval in record.get("intervals", ()):
        if not set(interval["layers"]) <= set(layers):
            yield f"intervals name layers {interval['layers'][:6]} that are not listed"
    yield from _certificate(record, layers)
    yield from _protocol(record)
    yield from _pilot(record, layers)
    yield from _trials(record, layers)


def _modules(record: Mapping[str, Any]) -> Iterator[str]:
    names = [module["name"] for module in record["modules"]]
    if len(set(names)) != len(names):
        yield "modules have the same name twice"
    of_layer: dict[int, list[str]] = {row["layer"]: [] for row in record["layers"]}
    for module in record["modules"]:
        if module["layer"] not in of_layer:
            yield f"module {module['name']!r:.80} is of a layer that is not listed"
            continue
        of_layer[module["layer"]].append(module["name"])
        values = module["singular_values"]
        if len(values) > min(module["in_features"], module["out_features"]):
            yield f"module {module['name']!r:.80} has more singular values than dimensions"
        if values != sorted(values, reverse=True):
            yield f"singular values of {module['name']!r:.80} do not descend"
    for row in record["layers"]:
        if sorted(row["modules"]) != sorted(of_layer[row["layer"]]):
            yield f"layer {row['layer']} lists other modules than the modules of that layer"


def _quadratic(section: str, model: Mapping[str, Any], layers: int) -> Iterator[str]:
    size = sum(model["sizes"])
    if len(model["sizes"]) != layers:
        yield f"{section}/sizes has {len(model['sizes'])} blocks for {layers} layers"
    elif len(model["gradient"]) != size or len(model["curvature"]) != size:
        yield f"{section} has a gradient and a curvature of another size than its blocks' {size}"
    elif any(len(row) != size for row in model["curvature"]):
        yield f"{section}/curvature is not square"


def _certificate(record: Mapping[str, Any], layers: list[int]) -> Iterator[str]:
    found = record.get("certificate")
    if found is None:  # cards of before
        return
    if len(found["prices"]) != len(layers):
        yield f"certificate/prices has {len(found['prices'])} numbers for {len(layers)} layers"
    if not set(found["layers"]) <= set(layers):
        yield f"certificate names layers {found['layers'][:6]} that are not listed"
    if found["size"] != len(set(found["layers"])) or found["size"] != len(found["layers"]):
        yield f"certificate/size is {found['size']}, but its layers are {found['layers'][:6]}"
    if found["gain"] > found["gain_at_most"] * (1 + ROUNDING):
        yield "certificate/gain exceeds certificate/gain_at_most"


def _protocol(record: Mapping[str, Any]) -> Iterator[str]:
    options, planned = record["options"], record.get("protocol")
    named = {"batch_size": "train_batch_size"}
    tangent = (record.get("tangent") or {}).get("protocol", {})
    if planned is None:
        return
    for name in PROTOCOL:
        for section, other in (
            ("options", options.get(named.get(name, name))),
            ("tangent/protocol", tangent.get(name)),
        ):
            if other is not None and other != planned[name]:
                yield f"protocol/{name} is {planned[name]}, of {section} {other}"


def _pilot(record: Mapping[str, Any], layers: list[int]) -> Iterator[str]:
    pilot, planned = record.get("pilot"), record.get("protocol")
    if pilot is None:
        return
    if planned is None or record.get("tangent") is None:
        yield "it holds a pilot of no planned run"
        return
    whole, chosen = (run["layers"] for run in pilot["runs"])
    if whole != layers:
        yield f"pilot/runs: the first is of layers {whole[:6]}, not of all"
    if not set(chosen) <= set(layers) or len(set(chosen)) != len(chosen):
        yield f"pilot/runs name layers {chosen[:6]} that are not listed"
    if pilot["planned_steps"] != planned["steps"] or pilot["protocol"]["steps"] > planned["steps"]:
        yield (
            f"pilot has {pilot['protocol']['steps']} of {pilot['planned_steps']} steps, where "
            f"protocol/steps is {planned['steps']}"
        )
    for name in PROTOCOL:
        own, other = pilot["protocol"][name], planned[name]
        if name != "steps" and own != other:
            yield f"pilot/protocol/{name} is {own}, of protocol {other}"


def _trials(record: Mapping[str, Any], layers: list[int]) -> Iterator[str]:
    trials = record.get("trials")
    if trials is None:
        return
    if record.get("pilot") is None or record.get("tangent") is None:
        yield "it holds runs of single layers without a pilot"
        return
    tried = [run["layers"][0] for run in trials["runs"]]
    if not set(tried) <= set(layers) or tried != sorted(set(tried)):
        yield f"trials/runs are of layers {tried[:6]}, not of listed ones in their order"
    rows = trials["alignment"]
    if len(rows) != len(layers) or any(len(row) != len(layers) for row in rows):
        yield f"trials/alignment is not of {len(layers)} layers"
        return
    A = np.array(rows, dtype=float)
    if not np.array_equal(A, A.T) or not (np.diag(A) == 1).all():
        yield "trials/alignment is not symmetric with ones on its diagonal"
    elif np.linalg.eigvalsh(A)[0] < -1e-3:
        yield "trials/alignment is not positive semi-definite"

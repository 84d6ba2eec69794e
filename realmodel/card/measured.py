"""Fine-tuning results beside the card's predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from realmodel.card.layer_card import LayerCard
from realmodel.model.lora_protocol import FinetuneOptions
from theory import InputError
from theory.read_json import read_json


def with_finetuning(card: LayerCard, path: str | Path) -> LayerCard:
    """Add the runs of a ``finetune.json``, one row per placement over its seeds.

    Rows hold ``layers``, ``rank``, ``seeds``, ``loss_before``, ``loss_after``, ``gain`` (held-out,
    nats per completion token) with its standard error over seeds, ``predicted_gain`` of the
    card, ``not_comparable``: why that prediction is not of these runs, or null,
    ``tokens_per_second``, ``peak_memory_bytes``, ``adapter_bytes``, and where they were
    asked for ``latency_overhead``, ``bleu``, ``chrf`` and ``ter``.

    Raises
    ------
    InputError
        The file cannot be read, holds no runs, or its runs are of another model than the card.
    """
    try:
        runs = read_runs(path)
        found: dict[tuple[tuple[int, ...], tuple[str, ...]], list[Mapping[str, Any]]] = {}
        for run in runs:
            if run["model_digest"] != card.model["digest"]:
                raise InputError(
                    f"{str(path)!r} holds runs of {run['model']!r} ({run['model_digest'][:19]}), "
                    f"the card is of {card.model['source']!r} ({card.model['digest'][:19]})"
                )
            placed = tuple(run["layers"]), tuple(run.get("modules", ()))
            found.setdefault(placed, []).append(run)
        rows = [_row(card, layers, own) for (layers, _), own in found.items()]
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{str(path)!r} is not a fine-tuning result: {error!r}") from error
    return card.with_measured(*rows)


def read_runs(path: str | Path) -> Sequence[Mapping[str, Any]]:
    """The runs of a ``finetune.json``.

    Raises
    ------
    InputError
        The file cannot be read or holds no runs.
    """
    record = read_json(path, "fine-tuning result")
    runs = record.get("runs") if isinstance(record, dict) else None
    if not isinstance(runs, list):
        raise InputError(f"{str(path)!r} is not a fine-tuning result: it lists no runs")
    if not runs:
        raise InputError(f"{str(path)!r} holds no fine-tuning run")
    return runs


def _row(
    card: LayerCard, layers: tuple[int, ...], runs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    def mean(name: str) -> float | None:
        values = [run[name] for run in runs if run[name] is not None]
        return float(np.mean(values)) if values else None

    gains = np.array([run["gain"] for run in runs], dtype=np.float64)
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else None
    row: dict[str, Any] = {
        "layers": list(layers),
        "rank": runs[0]["options"]["rank"],
        "seeds": [run["options"]["seed"] for run in runs],
        "loss_before": mean("loss_before"),
        "loss_after": mean("loss_after"),
        "gain": float(gains.mean()),
        "gain_error": error,
        "predicted_gain": _predicted(card, card.positions(layers)),
        "not_comparable": next(filter(None, (not_comparable(card, layers, r) for r in runs)), None),
        "tokens_per_second": mean("tokens_per_second"),
        "peak_memory_bytes": mean("peak_memory_bytes"),
        "adapter_bytes": mean("adapter_bytes"),
    }
    if all(run["latency"] for run in runs):
        overheads = [run["latency"]["overhead"] for run in runs]
        row["latency_overhead"] = float(np.mean(overheads))
    if all(run["generation"] for run in runs):
        for score in ("bleu", "chrf", "ter"):
            row[score] = float(np.mean([run["generation"][score] for run in runs]))
    return row


def _predicted(card: LayerCard, positions: tuple[int, ...]) -> float:
    """Calibrated where the card has a pilot."""
    model = card.predictor()
    forecast = card.forecast(model, positions)
    return model.quadratic.gain(positions) if forecast is None else forecast.gain


def not_comparable(card: LayerCard, layers: tuple[int, ...], run: Mapping[str, Any]) -> str | None:
    """Why the card's prediction for ``layers`` is not of this run, or ``None`` where it is."""
    if card.predictor().name == "gauss-newton" or card.protocol is None:
        return "the card predicts without a limit on steps"
    if sorted(run.get("modules", ())) != sorted(card.modules_of(layers)):
        return "the run adapted other modules of these layers"
    if run.get("ranks"):
        return "the run has ranks of its own by module"
    return card.protocol.differences(FinetuneOptions.from_planned(run["options"]))

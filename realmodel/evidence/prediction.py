"""Predicted against realised gain: joint model, additive sum, and the bounds of section 1."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from realmodel.card.additivity_record import additivity_record
from theory import BlockQuadratic
from theory.arrays import Array, Float64

BOUNDS = ("lower", "upper", "signed_lower", "signed_upper")
"""The paper's and the signed ones; ``None`` where one says nothing."""


def predicted_gains(
    quadratic: BlockQuadratic, layers: Sequence[int], placements: Iterable[tuple[int, ...]]
) -> list[dict[str, Any]]:
    """One tidy row per placement, gains in nats per completion token.

    Parameters
    ----------
    quadratic : BlockQuadratic
        One block per entry of ``layers``.
    layers : sequence of int
        Layer of each block.
    placements : iterable of tuple of int
        What is predicted.
    """
    rows: list[dict[str, Any]] = []
    for placement in placements:
        blocks = [layers.index(layer) for layer in placement]
        record = additivity_record(quadratic, blocks)
        rows.append(
            {
                "layers": list(placement),
                "joint": record["gain"],
                "sum": record["sum_of_gains"],
                "coupling": record["coupling"],
            }
            | {name: record[name] for name in BOUNDS}
        )
    return rows


def with_realised(
    rows: Sequence[Mapping[str, Any]],
    gains: Mapping[tuple[int, ...], Float64[Array, " seeds"]],
    roles: Mapping[tuple[int, ...], str],
) -> list[dict[str, Any]]:
    """The rows of placements that were fine-tuned, each with its role and what came true."""
    return [
        {**row, "role": roles[chosen], "realised": float(gains[chosen].mean())}
        for row in rows
        if (chosen := tuple(row["layers"])) in gains
    ]


def prediction_summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Over the pool: medians of ratios and of the coupling; how often the signed bounds hold."""
    rows = [row for row in rows if row["role"] == "pool"]
    realised = np.array([row["realised"] for row in rows])
    joint, total = (np.array([row[key] for row in rows]) for key in ("joint", "sum"))
    low = np.array([row["signed_lower"] or 0.0 for row in rows])
    high = np.array(
        [np.inf if row["signed_upper"] is None else row["signed_upper"] for row in rows]
    )
    return {
        "joint_over_realised": float(np.median(joint / realised)),
        "sum_over_realised": float(np.median(total / realised)),
        "sum_over_joint": float(np.median(total / joint)),
        "coupling": float(np.median([row["coupling"] for row in rows])),
        "within_signed_bounds": float(np.mean((low <= realised) & (realised <= high))),
    }

"""Theory against practice: what a card knows of layers and placements, beside what came true.

Of every layer the measures of hardness and coupling; of every placement of a comparison the sum of
the layers' own gains (hardness), the coupling within the set and its alignment (docs/theory.md 1),
the paper's bounds and the signed ones, the joint gain, and what fine-tuning gained.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from realmodel.card import LayerCard
from realmodel.card.additivity_record import additivity_record
from realmodel.evidence.agreement import spearman
from realmodel.evidence.mean_gains import Trained, mean_gains
from realmodel.evidence.prediction import BOUNDS
from theory import InputError
from theory.arrays import Array, Float64

MEASURES = (
    "residual_norm",
    "residual_norm_cross_fitted",
    "residual_norm_activation",
    "gradient_norm",
    "activation_energy",
    "effective_rank",
    "condition_number",
)
"""Of a layer's profile."""

STRUCTURED = ("uniform", "middle", "first", "last")

EXPLANATIONS: Mapping[str, str] = {
    "residual_energy": "residual norms of the layers (Sigma and Gamma), squares summed",
    "activation_residual_energy": "residual norms from activations alone, squares summed",
    "activation_energy": "activation energy, summed",
    "sum": "hardness: sum of the layers' own gains in the budget",
    "alignment": "little redundancy: minus the alignment of the coupling",
    "coupling": "little coupling: minus rho within the placement",
    "joint": "both: joint gain in the tangent model",
}
"""What might explain an order of placements, and the column that it is."""

LESS_IS_MORE = ("alignment", "coupling")


def theory_practice(card: LayerCard, comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Rows of layers and placements, and how well each explanation orders what came true.

    Parameters
    ----------
    card : LayerCard
        With a tangent model of the comparison's runs.
    comparison : mapping
        As :func:`realmodel.evidence.recorded.read_comparison` gives it.

    Returns
    -------
    dict
        ``layers``, ``placements``, ``explained`` (by size: Spearman of each explanation with the
        realised gain), ``concentration`` (share of the first fifth of the layers in each measure)
        and what it is about.

    Raises
    ------
    InputError
        When card and comparison are of different models, or the card predicts other runs.
    """
    if card.model["digest"] != comparison["model_digest"]:
        raise InputError(
            f"the card is of {card.model['digest'][:19]}, the comparison of "
            f"{comparison['model_digest'][:19]}"
        )
    model = card.predictor("tangent")
    run = comparison["options"]["finetune"]
    for name in ("learning_rate", "steps", "rank", "batch_size"):
        if model.protocol[name] != run[name]:
            raise InputError(
                f"the card predicts runs of {name} {model.protocol[name]:g}, the comparison's have "
                f"{run[name]:g}"
            )
    realised = mean_gains(comparison["runs"])
    layers = _layers(card, realised)
    placements = [
        _placement(card, one.label, one.layers, gain, layers)
        for one, gain in realised.items()
        if one.role != "pick"  # picks have no label of their own
    ]
    sizes = sorted({row["size"] for row in placements if row["size"] > 1})
    return {
        "model": comparison["model"],
        "task": comparison["task"],
        "protocol": dict(model.protocol),
        "rho": card.coupling.rho,
        "alignment": card.coupling.alignment,
        "additive_steps": card.additive_steps,
        "all_gain": comparison["all_gain"],
        "layers": layers,
        "placements": placements,
        "explained": {
            str(size): explained([row for row in placements if row["size"] == size])
            for size in sizes
            if size < len(layers)
        },
        "concentration": concentration(layers),
    }


def explained(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Spearman of each explanation with the realised gain, over placements of one size.

    Examples
    --------
    >>> rows = [
    ...     dict.fromkeys(EXPLANATIONS, 0.0) | {"sum": x, "coupling": -x, "realised": x}
    ...     for x in (1.0, 2.0, 4.0)
    ... ]
    >>> found = explained(rows)
    >>> found["sum"], found["coupling"], found["joint"]
    (1.0, 1.0, None)
    """
    realised = np.array([row["realised"] for row in rows])
    found: dict[str, float | None] = {}
    for name in EXPLANATIONS:
        values = np.array([row[name] for row in rows])
        found[name] = spearman(-values if name in LESS_IS_MORE else values, realised)
    return found


def concentration(layers: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Share of the first fifth of the layers: of squared norms, of energies and of gains."""
    first = max(1, len(layers) // 5)
    found: dict[str, float] = {}
    for name in ("residual_norm", "residual_norm_activation", "gradient_norm"):
        squares = np.square([layer[name] for layer in layers])
        found[name] = float(squares[:first].sum() / squares.sum())
    for name in ("activation_energy", "own_gain"):
        values = np.array([layer[name] for layer in layers])
        found[name] = float(values[:first].sum() / values.sum())
    return found | {"layers": float(first / len(layers))}


def _layers(card: LayerCard, realised: Mapping[Trained, float]) -> list[dict[str, Any]]:
    single = {one.layers[0]: gain for one, gain in realised.items() if len(one.layers) == 1}
    own = 0.5 * np.square(card.quadratic.residual_norms)
    couplings = card.coupling
    others = max(1, len(own) - 1)
    return [
        {"layer": profile.layer}
        | {name: getattr(profile.measures, name) for name in MEASURES}
        | {
            "own_gain": float(own[at]),
            "mean_coupling": float(couplings.norms[at].sum() / others),
            "mean_signed_coupling": float(_off_diagonal(couplings.signed, at).mean()),
            "realised": single.get(profile.layer),
        }
        for at, profile in enumerate(card.layers)
    ]


def _off_diagonal(matrix: Float64[Array, "L L"], at: int) -> Float64[Array, " others"]:
    return np.delete(matrix[at], at)


def _placement(
    card: LayerCard,
    label: str,
    chosen: tuple[int, ...],
    gain: float,
    layers: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    at = card.positions(chosen)
    part = card.quadratic.restrict(at)
    u, M = part.whitened_gradient, part.whitened_coupling
    record = additivity_record(card.quadratic, at)
    return {
        "label": label,
        "layers": list(chosen),
        "size": len(chosen),
        "residual_energy": float(sum(layers[i]["residual_norm"] ** 2 for i in at)),
        "activation_residual_energy": float(
            sum(layers[i]["residual_norm_activation"] ** 2 for i in at)
        ),
        "activation_energy": float(sum(layers[i]["activation_energy"] for i in at)),
        "sum": float(0.5 * (u @ u)),
        "coupling": float(part.coupling),
        "alignment": float(u @ M @ u / (u @ u)) if u.any() else 0.0,
        "joint": float(part.gain()),
        "realised": gain,
    } | {name: record[name] for name in BOUNDS}

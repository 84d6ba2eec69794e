"""Does the prediction depend on directions, damping and sample size?"""

from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import card
from paper_figures.steps.comparison import comparison
from paper_figures.table import Column
from theory import BlockQuadratic, exact_search

CAPTION = (
    "Ablation of the joint Gauss-Newton model over directions per module, damping (added to the "
    "curvature's diagonal, as a share of its mean) and sample size. Correlation: Spearman, over "
    "the fine-tuned placements, of predicted with realised gain. Overshoot: largest predicted over "
    "largest realised gain. Fewer directions are the first of the card's own, which are nested."
)
COLUMNS = (
    Column("samples", "sequences"),
    Column("directions", "directions"),
    Column("damping", "damping", "g"),
    Column("coupling", "coupling", ".2f"),
    Column("best", "best layers"),
    Column("predicted", "predicted gain (nats/token)", ".4f"),
    Column("correlation", "correlation", "+.2f"),
    Column("overshoot", "overshoot", ".1f"),
)
DAMPING = (0.0, 0.1, 1.0, 10.0)


def inputs(preset: Preset) -> dict[str, Step]:
    """The first model's card on the first task, one of fewer samples, and the comparison."""
    model, task = preset.models[0], preset.data[0]
    fewer = replace(preset, num_samples=max(preset.num_samples // 3, 8))
    return {
        "whole": card(preset, model, task),
        "fewer": card(fewer, model, task),
        "runs": comparison(preset, model, task),
    }


def compute(whole: Data, fewer: Data, runs: Data) -> Data:
    """One row for each variant."""
    most = whole["card"]["options"]["directions"]
    variants = [(whole, most, damping) for damping in DAMPING]
    variants += [(whole, directions, 0.0) for directions in range(1, most)]
    variants += [(fewer, most, damping) for damping in (0.0, 1.0)]
    rows = next(iter(runs["comparison"]["predictions"].values()))
    realised = {tuple(row["layers"]): row["realised"] for row in rows if row["role"] == "pool"}
    return {"rows": [_row(source, k, lam, realised) for source, k, lam in variants]}


def _row(
    source: Data, directions: int, damping: float, realised: dict[tuple[int, ...], float]
) -> Data:
    quadratic = variant(source["card"], directions, damping)
    indices = [layer["layer"] for layer in source["card"]["layers"]]
    predicted = [quadratic.gain([indices.index(i) for i in layers]) for layers in realised]
    gains = list(realised.values())
    best = exact_search(quadratic, source["size"])
    return {
        "samples": source["card"]["data"]["examples"],
        "directions": directions,
        "damping": damping,
        "coupling": quadratic.coupling,
        "best": " ".join(str(indices[at]) for at in best.layers),
        "predicted": best.gain,
        "correlation": float(spearmanr(predicted, gains).statistic),
        "overshoot": max(predicted) / max(gains) if max(gains) > 0 else None,
    }


def variant(card: Data, directions: int, damping: float) -> BlockQuadratic:
    """The card's quadratic in the first ``directions`` of each module, damped."""
    stored = card["quadratic"]
    gradient, curvature = np.array(stored["gradient"]), np.array(stored["curvature"])
    most = card["options"]["directions"]
    kept = [at for at in range(len(gradient)) if at % most < directions]
    H = curvature[np.ix_(kept, kept)]
    H += damping * float(np.mean(np.diag(H))) * np.eye(len(kept))
    sizes = tuple(size * directions // most for size in stored["sizes"])
    return BlockQuadratic(gradient[kept], H, sizes)

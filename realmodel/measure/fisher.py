"""The cheap curvature: labels sampled from the model, one backward pass for all layers at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.gauss_newton.gauss_newton import GaussNewton
from realmodel.measure.gauss_newton.measure import Streaming, measure
from realmodel.measure.gauss_newton.scores import sequence_scores
from realmodel.measure.statistics.collect import Progress
from realmodel.model.batches import Batch, EncodedExample
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import AdaptedModule, ModuleTable
from theory import InputError


def monte_carlo_fisher(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    modules: ModuleTable | Sequence[AdaptedModule],
    directions: Directions,
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 8,
    curvature_sequences: int | None = None,
    groups: int = 16,
    damping: float = 0.0,
    padding_side: str = "right",
    work_dir: str | Path | None = None,
    save_every: int = 50,
    progress: Progress | None = None,
) -> GaussNewton:
    """Estimate the Gauss-Newton quadratic without forward-mode derivatives.

    With labels ``y`` drawn from the model's prediction, the score ``s`` of a sequence (gradient
    of its summed loss in the K coordinates) has ``E[s s']`` equal to the sequence's
    Gauss-Newton matrix, because the labels of different tokens are independent given the input.
    So ``F = 1/N sum s s'`` is unbiased; its rank is at most sequences times draws.

    Parameters
    ----------
    draws
        Label samples per sequence: one more backward pass each.
    checkpoint_or_model, encoded, modules, directions
        As in :func:`realmodel.measure.gauss_newton.gauss_newton`, whose result type this shares,
        the half rule included; so do the other parameters.

    Raises
    ------
    InputError
        As :func:`realmodel.measure.gauss_newton.gauss_newton`.

    Notes
    -----
    Provenance: extension; the estimate itself is standard (K-FAC's sampled Fisher).
    """
    if draws < 1:
        raise InputError(f"draws must be at least 1, got {draws}")
    seeds = [seed * draws + draw for draw in range(draws)]

    def curvature(model: Any, batch: Batch, directions: Directions) -> torch.Tensor:
        scores, _ = sequence_scores(model, batch, directions, draws=seeds)
        stacked = torch.cat(scores)
        return stacked.T @ stacked / draws

    streaming = Streaming(
        batch_size, padding_side, curvature_sequences, groups, work_dir, save_every, progress
    )
    return measure(
        checkpoint_or_model,
        encoded,
        modules,
        directions,
        curvature,
        streaming,
        damping=damping,
        metadata={"curvature": "Monte-Carlo Fisher", "draws": draws, "seed": seed},
    )


@dataclass(frozen=True)
class Agreement:
    """How close an estimated quadratic is to the exact one, in the same directions.

    Attributes
    ----------
    curvature_error
        ``||F - H||_F / ||H||_F``.
    diagonal_correlation
        Pearson, between the logarithms of the diagonals.
    block_gain_correlation
        Spearman, between the blocks' own gains.
    gain_ratio
        Estimated over exact joint gain, both with the same damping.
    """

    curvature_error: float
    diagonal_correlation: float
    block_gain_correlation: float
    gain_ratio: float


def agreement(estimate: GaussNewton, exact: GaussNewton) -> Agreement:
    """Compare a Monte-Carlo Fisher with the exact Gauss-Newton matrix.

    Raises
    ------
    InputError
        If they were not measured in the same blocks.
    """
    if (estimate.modules, estimate.sizes) != (exact.modules, exact.sizes):
        raise InputError("the two quadratics were not measured in the same directions")
    ours, truth = estimate.quadratic, exact.quadratic
    difference = np.linalg.norm(ours.curvature - truth.curvature)
    gains = [0.5 * quadratic.residual_norms**2 for quadratic in (ours, truth)]
    ranks = np.stack([np.argsort(np.argsort(values)) for values in gains]).astype(float)
    logs = np.log(np.stack([np.diag(quadratic.curvature) for quadratic in (ours, truth)]))
    return Agreement(
        curvature_error=float(difference / np.linalg.norm(truth.curvature)),
        diagonal_correlation=float(np.corrcoef(logs)[0, 1]),
        block_gain_correlation=float(np.corrcoef(ranks)[0, 1]),
        gain_ratio=float(ours.gain() / truth.gain()),
    )

"""The exact Gauss-Newton quadratic along chosen directions of a real model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.gauss_newton.gauss_newton import GaussNewton
from realmodel.measure.gauss_newton.measure import Streaming, measure
from realmodel.measure.gauss_newton.output_gram import output_gram
from realmodel.measure.gauss_newton.tangents import check_attention, tangents
from realmodel.measure.head import Head
from realmodel.measure.one_pass import Progress
from realmodel.model.batches import Batch, EncodedExample
from realmodel.model.checkpoint import Checkpoint, model_of
from realmodel.model.modules import AdaptedModule, ModuleTable


def gauss_newton(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    modules: ModuleTable | Sequence[AdaptedModule],
    directions: Directions,
    *,
    batch_size: int = 4,
    curvature_sequences: int | None = None,
    groups: int = 16,
    damping: float = 0.0,
    chunk: int | None = None,
    padding_side: str = "right",
    work_dir: str | Path | None = None,
    save_every: int = 8,
    seed: int = 0,
    progress: Progress | None = None,
) -> GaussNewton:
    """Measure ``g = dL/dc`` and ``H = E_tokens[(J u_i)'(diag p - p p')(J u_j)]``.

    ``L`` is the mean loss over completion tokens and ``c`` the coefficients of the directions.
    The gradient comes from one backward pass, the curvature from forward-mode derivatives,
    one vectorised pass per layer; both are exact.

    When the directions were chosen on one half of these very sequences, the other half alone is
    measured here: on its own half the gain would be overstated. ``metadata["selection"]`` says
    which sequences were used.

    Parameters
    ----------
    encoded
        The sequences that chose the directions (the half rule applies), or any others.
    damping
        See :class:`GaussNewton`; recorded, zero by default.
    chunk
        Directions per vectorised pass (memory); a layer's all by default.
    curvature_sequences, groups, batch_size, padding_side, work_dir, save_every, seed, progress
        See :class:`realmodel.measure.gauss_newton.measure.Streaming`.

    Raises
    ------
    InputError
        Options out of range, modules without directions, attention that has no forward-mode
        derivative, not enough memory.

    Notes
    -----
    Provenance: extension (section 9).
    """
    model = model_of(checkpoint_or_model)
    check_attention(model)
    heads: list[Head] = []

    def curvature(model: Any, batch: Batch, directions: Directions) -> torch.Tensor:
        if not heads:
            heads.append(Head.of(model, batch))
        head = heads[0]
        pieces: list[torch.Tensor] = []
        order: list[AdaptedModule] = []
        outputs = torch.empty(0)
        for layer in sorted({module.layer for module in directions.modules}):
            members = tuple(module for module in directions.modules if module.layer == layer)
            outputs, piece = tangents(model, batch, members, directions, head=head, chunk=chunk)
            pieces.append(piece)
            order.extend(members)
        gram = output_gram(torch.cat(pieces), outputs, head)
        places = torch.argsort(_coordinates(order, directions)).to(gram.device)
        return gram[places[:, None], places[None, :]]

    streaming = Streaming(
        batch_size, padding_side, curvature_sequences, groups, work_dir, save_every, progress, seed
    )
    return measure(
        checkpoint_or_model,
        encoded,
        modules,
        directions,
        curvature,
        streaming,
        damping=damping,
        metadata={"curvature": "exact Gauss-Newton"},
    )


def _coordinates(order: Sequence[AdaptedModule], directions: Directions) -> torch.Tensor:
    """Coordinate of each direction when modules come in ``order``."""
    starts = np.concatenate([[0], np.cumsum(directions.sizes)])
    start = dict(zip((m.name for m in directions.modules), starts.tolist(), strict=False))
    return torch.cat([start[m.name] + torch.arange(len(directions.left[m.name])) for m in order])

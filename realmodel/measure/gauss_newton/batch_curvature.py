"""The Gauss-Newton curvature of one batch along chosen directions, by forward-mode derivatives."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.gauss_newton.output_gram import output_gram
from realmodel.measure.gauss_newton.tangents import tangents
from realmodel.measure.head import Head
from realmodel.model.batches import Batch
from realmodel.model.modules import AdaptedModule


def batch_curvature(
    model: Any, batch: Batch, directions: Directions, *, head: Head, chunk: int | None
) -> torch.Tensor:
    """``sum_t (J_t u_i)'(diag p_t - p_t p_t')(J_t u_j)`` over completion tokens: (K, K) float64.

    One vectorised pass per layer, of ``chunk`` directions or of all of the layer's.
    """
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


def _coordinates(order: Sequence[AdaptedModule], directions: Directions) -> torch.Tensor:
    """Coordinate of each direction when modules come in ``order``."""
    starts = np.concatenate([[0], np.cumsum(directions.sizes)])
    start = dict(zip((m.name for m in directions.modules), starts.tolist(), strict=False))
    return torch.cat([start[m.name] + torch.arange(len(directions.left[m.name])) for m in order])

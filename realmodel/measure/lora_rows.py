"""Each sequence's gradient in LoRA's coordinates, kept as a row."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from realmodel.measure.seen import Seen
from realmodel.measure.tangent.factors import LoraFactors

IN_MEMORY_BYTES = 4 * 2**30
"""Rows of a partition that take more lie in a mapped file instead."""


class LoraRows:
    """Tensors ``data/<module>`` (n, p) and ``sampled/<module>`` (D n, p) on the host.

    The model keeps its own weights: a module with input ``x`` and output gradient ``g`` has
    ``dA = s B'g x'`` and ``dB = s g (A x)'``, which is where a step of the factors moves it to
    first order, wherever the factors are. A row holds the free factors in turn, row by row.

    Parameters
    ----------
    places
        Of the sequences whose rows are kept, ascending: row i belongs to ``places[i]``.
    draws
        D; draw k of row i is row ``k n + i`` of ``sampled``.
    dtype
        Of the rows.
    folder
        Where they lie if they are many, in a file that vanishes with the process; by default
        wherever temporary files do.
    """

    def __init__(
        self,
        factors: LoraFactors,
        tensors: dict[str, torch.Tensor],
        places: Sequence[int],
        *,
        draws: int,
        dtype: torch.dtype,
        folder: Path | None,
    ) -> None:
        self.factors, self.tensors, self.draws = factors, tensors, draws
        self.row_of = {place: row for row, place in enumerate(places)}
        self._both = len(factors.free) == 2
        names, count = [module.name for module in factors.modules], len(places)
        widths = {name: sum(free[name].numel() for free in factors.free) for name in names}
        total = (1 + draws) * count * sum(widths.values()) * dtype.itemsize
        for name, width in widths.items():
            for kind, rows in (("data", count), ("sampled", draws * count)):
                tensors[f"{kind}/{name}"] = _zeros(
                    (rows, width), dtype, mapped=total > IN_MEMORY_BYTES, folder=folder
                )

    def see(self, seen: Seen) -> None:
        """Store the rows of the batch's sequences of one module."""
        view, name = seen.view, seen.module.name
        kept = [i for i, place in enumerate(view.places) if place in self.row_of]
        if not kept:
            return
        wide = torch.promote_types(seen.grad.dtype, torch.float32)
        g = seen.grad.to(wide)
        A, B = (factor[name].to(g) for factor in (self.factors.A, self.factors.B))
        if name not in view.inner:  # the draws of this batch need it again
            view.inner[name] = seen.hidden.to(g) @ A.T
        rows = torch.bmm(g.mT, view.inner[name]).flatten(1)
        if self._both:
            rows = torch.cat([torch.bmm((g @ B).mT, seen.hidden.to(g)).flatten(1), rows], dim=1)
        stored = self.tensors[f"{'data' if view.draw is None else 'sampled'}/{name}"]
        first = (view.draw or 0) * len(self.row_of)
        where = torch.tensor([first + self.row_of[view.places[i]] for i in kept])
        stored[where] = (self.factors.scaling * rows[kept]).to(stored)


def _zeros(
    shape: tuple[int, int], dtype: torch.dtype, *, mapped: bool, folder: Path | None
) -> torch.Tensor:
    if not mapped:
        return torch.zeros(shape, dtype=dtype)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".rows.") as file:
        flat = torch.from_file(file.name, shared=True, size=math.prod(shape), dtype=dtype)
    return flat.view(shape)

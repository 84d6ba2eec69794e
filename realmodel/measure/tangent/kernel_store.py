"""Finished kernels on disk, so that a killed run does not measure them again."""

from collections.abc import Mapping
from dataclasses import fields

import torch

from realmodel.measure.tangent.kernel import LayerKernel
from realmodel.runs import processes
from realmodel.runs.saved_run import SavedRun


def store_kernels(saved: SavedRun, kernels: Mapping[int, LayerKernel]) -> None:
    """Write one group of layers, atomically."""
    tensors = {
        f"{layer}/{field.name}": torch.as_tensor(getattr(kernel, field.name), dtype=torch.float64)
        for layer, kernel in kernels.items()
        for field in fields(LayerKernel)
    }
    saved.store(tensors, {}, len(kernels))


def restore_kernels(saved: SavedRun) -> dict[int, LayerKernel] | None:
    """The stored group; None unless every process has it, for they measure together.

    Raises
    ------
    InputError
        If a file is damaged or belongs to another run.
    """
    stored = saved.restore()
    everywhere = [stored is not None]
    if processes.active():
        everywhere = processes.gather(stored is not None)
    if stored is None or not all(everywhere):
        return None
    tensors = stored[0]
    return {
        layer: LayerKernel(
            curvature=tensors[f"{layer}/curvature"].numpy(),
            projection=tensors[f"{layer}/projection"].numpy(),
            square=float(tensors[f"{layer}/square"]),
            contributions=tensors[f"{layer}/contributions"].numpy(),
            slopes=tensors[f"{layer}/slopes"].numpy(),
        )
        for layer in sorted({int(name.split("/")[0]) for name in tensors})
    }

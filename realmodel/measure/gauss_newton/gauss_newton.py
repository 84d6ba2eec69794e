"""The measured quadratic model of the loss in k directions per module, with its sampling error."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.model.modules import AdaptedModule
from realmodel.runs.tensor_file import TensorFile, write_tensors
from theory import BlockQuadratic, InputError
from theory.arrays import Array, IntArray

FORMAT = 1

SUMS = ("gradient_sums", "curvature_sums", "gradient_tokens", "curvature_tokens")


@dataclass(frozen=True)
class GaussNewton:
    """Gradient and Gauss-Newton curvature along the directions of every module.

    Attributes
    ----------
    modules, sizes
        One block per module, with its number of directions.
    gradient_sums, curvature_sums
        (groups, K) and (groups, K, K), summed over the tokens of each group of sequences.
    gradient_tokens, curvature_tokens
        (groups,) completion tokens behind each sum.
    damping
        Added to the diagonal of the curvature. The directions have unit length in the
        metric Sigma (x) Gamma, where a perfect Kronecker model has curvature one.
    loss
        Mean loss in nats per completion token on the sequences of the gradient.
    metadata
        Model and data digests, kind of directions, and ``selection``: whether the sequences
        are others than those that chose the directions.
    """

    modules: tuple[AdaptedModule, ...]
    sizes: tuple[int, ...]
    gradient_sums: Array
    curvature_sums: Array
    gradient_tokens: Array
    curvature_tokens: Array
    loss: float
    damping: float = 0.0
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        K, groups = sum(self.sizes), len(self.gradient_tokens)
        shapes = (self.gradient_sums.shape, self.curvature_sums.shape)
        if shapes != ((groups, K), (groups, K, K)) or len(self.sizes) != len(self.modules):
            raise InputError(f"Gauss-Newton sums of shapes {shapes} do not fit {K} directions")
        if not self.damping >= 0:
            raise InputError(f"damping must not be negative, got {self.damping}")

    @cached_property
    def quadratic(self) -> BlockQuadratic:
        """One block per module, nats per completion token."""
        return self.of_groups(np.arange(len(self.gradient_tokens)))

    @property
    def layers(self) -> tuple[int, ...]:
        """Transformer block of each of the quadratic's blocks."""
        return tuple(module.layer for module in self.modules)

    def by_layer(self) -> BlockQuadratic:
        """One block per transformer block, ascending; the modules of a layer are merged."""
        return self.quadratic.regroup(self.layers)

    def damped(self, damping: float) -> "GaussNewton":
        """The same measurement with another damping, which stays on record."""
        return replace(self, damping=damping)

    def of_groups(self, kept: IntArray) -> BlockQuadratic:
        """The quadratic of these groups of sequences alone."""
        g = self.gradient_sums[kept].sum(axis=0) / self.gradient_tokens[kept].sum()
        H = self.curvature_sums[kept].sum(axis=0) / self.curvature_tokens[kept].sum()
        return BlockQuadratic(g, H + self.damping * np.eye(len(g)), self.sizes)

    def save(self, path: str | Path) -> None:
        """Write one safetensors file with a manifest, atomically."""
        tensors = {name: torch.from_numpy(getattr(self, name)) for name in SUMS}
        record = {
            "format": FORMAT,
            "modules": [asdict(module) for module in self.modules],
            "sizes": self.sizes,
            "loss": self.loss,
            "damping": self.damping,
            "metadata": dict(self.metadata),
        }
        write_tensors(Path(path), tensors, record)

    @classmethod
    def load(cls, path: str | Path, *, model: str | None = None) -> "GaussNewton":
        """Read a file written by :meth:`save`.

        Raises
        ------
        InputError
            If it is missing, damaged, of another format, or not of ``model`` (a digest).
        """
        file = TensorFile(Path(path))
        record = dict(file.manifest)
        if record.pop("format", None) != FORMAT or set(file) != set(SUMS):
            raise InputError(f"{str(path)!r} is not a Gauss-Newton file of format {FORMAT}")
        if model is not None and record["metadata"].get("model") != model:
            raise InputError(
                f"{str(path)!r} was measured on model {record['metadata'].get('model')}, "
                f"not on {model}"
            )
        record["modules"] = tuple(AdaptedModule(**module) for module in record["modules"])
        record["sizes"] = tuple(record["sizes"])
        record |= {name: tensor.numpy() for name, tensor in file.items()}
        return cls(**record)

"""The measured quadratic model of the loss in k directions per module, with its sampling error."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.model.modules import AdaptedModule
from realmodel.runs.tensor_file import TensorFile, write_tensors
from theory import BlockQuadratic, InputError
from theory.arrays import Array

FORMAT = 1


@dataclass(frozen=True)
class Estimate:
    """A number with the standard error of a grouped jackknife over sequences."""

    value: float
    standard_error: float


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
        return self._quadratic(np.ones(len(self.gradient_tokens), dtype=bool))

    @property
    def layers(self) -> tuple[int, ...]:
        """Transformer block of each of the quadratic's blocks."""
        return tuple(module.layer for module in self.modules)

    def by_layer(self) -> BlockQuadratic:
        """One block per transformer block, ascending; the modules of a layer are merged."""
        return self._merged(self.quadratic)

    def damped(self, damping: float) -> "GaussNewton":
        """The same measurement with another damping, which stays on record."""
        return replace(self, damping=damping)

    def jackknife(
        self, function: Callable[[BlockQuadratic], float], *, by_layer: bool = False
    ) -> Estimate:
        """Value of ``function`` and its standard error, leaving out one group at a time.

        Raises
        ------
        InputError
            With fewer than three groups that hold sequences.
        """
        used = np.flatnonzero((self.gradient_tokens > 0) & (self.curvature_tokens > 0))
        n = len(used)
        if n < 3:
            raise InputError(f"the jackknife needs at least 3 groups of sequences, got {n}")

        def evaluate(quadratic: BlockQuadratic) -> float:
            return float(function(self._merged(quadratic) if by_layer else quadratic))

        left_out: list[float] = []
        for group in used:
            kept = np.ones(len(self.gradient_tokens), dtype=bool)
            kept[group] = False
            left_out.append(evaluate(self._quadratic(kept)))
        spread = float(np.sum((np.asarray(left_out) - np.mean(left_out)) ** 2))
        return Estimate(evaluate(self.quadratic), float(np.sqrt((n - 1) / n * spread)))

    def _quadratic(self, kept: Any) -> BlockQuadratic:
        g = self.gradient_sums[kept].sum(axis=0) / self.gradient_tokens[kept].sum()
        H = self.curvature_sums[kept].sum(axis=0) / self.curvature_tokens[kept].sum()
        return BlockQuadratic(g, H + self.damping * np.eye(len(g)), self.sizes)

    def _merged(self, quadratic: BlockQuadratic) -> BlockQuadratic:
        layer_of = np.repeat(self.layers, self.sizes)
        order = np.argsort(layer_of, kind="stable")
        _, sizes = np.unique(layer_of, return_counts=True)
        return BlockQuadratic(
            quadratic.gradient[order],
            quadratic.curvature[np.ix_(order, order)],
            tuple(int(size) for size in sizes),
        )

    def save(self, path: str | Path) -> None:
        """Write one safetensors file with a manifest, atomically."""
        tensors = {name: torch.from_numpy(getattr(self, name)) for name in _SUMS}
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
        if record.pop("format", None) != FORMAT or set(file) != set(_SUMS):
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


_SUMS = ("gradient_sums", "curvature_sums", "gradient_tokens", "curvature_tokens")

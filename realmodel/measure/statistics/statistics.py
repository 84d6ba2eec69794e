"""The sufficient statistics of a model on a task: sums that add up over sequences."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.measure.statistics.products import mirror
from realmodel.model.modules import AdaptedModule
from realmodel.runs.tensor_file import TensorFile, write_tensors
from theory import InputError
from theory.arrays import Array

FORMAT = 1


class Moments(Mapping[str, Array]):
    """Named float64 matrices, each computed from its sum when it is asked for."""

    def __init__(self, names: tuple[str, ...], compute: Callable[[str], Array]) -> None:
        self._names, self._compute = names, compute

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        return self._compute(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Part:
    """Which sequences went in: those of data set ``data`` in shard ``index`` of ``shards``."""

    data: str
    index: int
    shards: int


@dataclass(frozen=True)
class Options:
    """Everything that changes the numbers; runs with different options never mix.

    Attributes
    ----------
    groups
        Sequence ``i`` belongs to group ``i % groups``; gradients are kept per group.
    output_moment
        ``sampled`` (labels from the model: the Fisher's own), ``empirical`` (the data's
        labels), or ``none``.
    batch_size, padding_side, partitions, seed
        As given to :func:`collect_statistics`.
    dtype
        Of the model's arithmetic.
    """

    groups: int
    output_moment: str
    batch_size: int
    padding_side: str
    partitions: int
    seed: int
    dtype: str


@dataclass(frozen=True)
class Statistics:
    """Second moments, gradients and counts of a model on a task.

    Attributes
    ----------
    modules
        In forward order.
    sums
        ``sigma/<input group>`` (d, d) and ``gamma/<module>`` (m, m), block upper triangles, and
        ``gradient/<module>`` (groups, m, d); in memory or on disk.
    model
        Digest of the checkpoint.
    options, parts
        How and over which sequences the sums were taken.
    positions
        Unpadded positions (prompt and completion).
    group_tokens, group_sequences, group_losses
        Completion tokens, sequences and summed loss (nats) of each group.
    accuracy
        Largest relative error against float64 on a sample, by quantity; empty when not checked.
    """

    modules: tuple[AdaptedModule, ...]
    sums: Mapping[str, torch.Tensor]
    model: str
    options: Options
    parts: tuple[Part, ...]
    positions: int
    group_tokens: tuple[int, ...]
    group_sequences: tuple[int, ...]
    group_losses: tuple[float, ...]
    accuracy: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        counts = (len(self.group_tokens), len(self.group_sequences), len(self.group_losses))
        if set(counts) != {self.options.groups}:
            raise InputError(f"statistics: {counts} counts for {self.options.groups} groups")
        if self.tokens < 1:
            raise InputError("statistics hold no completion token")

    @property
    def tokens(self) -> int:
        """Completion tokens in all, N."""
        return sum(self.group_tokens)

    @property
    def sequences(self) -> int:
        """Sequences in all."""
        return sum(self.group_sequences)

    @property
    def loss(self) -> float:
        """Mean loss in nats per completion token."""
        return sum(self.group_losses) / self.tokens

    @property
    def input_groups(self) -> tuple[str, ...]:
        """Names of the distinct inputs, in forward order."""
        return tuple(dict.fromkeys(module.input_group for module in self.modules))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modules, in forward order."""
        return tuple(module.name for module in self.modules)

    @property
    def sigma(self) -> Moments:
        """``Sigma = E[h h']`` (d, d) over unpadded positions, by input group."""

        def compute(group: str) -> Array:
            return mirror(self.sums[f"sigma/{group}"].double()).numpy() / self.positions

        return Moments(self.input_groups, compute)

    @property
    def gamma(self) -> Moments:
        """``Gamma`` (m, m) by module, such that the block's curvature is about Sigma (x) Gamma.

        ``Gamma = 1/N sum_t g_t g_t'`` with ``g_t`` the gradient of the *summed* loss at the
        module's output in position t, over N completion tokens.
        """
        if self.options.output_moment == "none":
            raise InputError("statistics hold no Gamma: collect them with output_moment='sampled'")

        def compute(name: str) -> Array:
            return mirror(self.sums[f"gamma/{name}"].double()).numpy() / self.tokens

        return Moments(self.names, compute)

    @property
    def gradient(self) -> Moments:
        """Gradient of the mean loss (m, d), outputs first, by module."""
        return Moments(self.names, lambda name: self.gradient_sums(name).sum(axis=0) / self.tokens)

    def gradient_sums(self, name: str) -> Array:
        """Gradient of the summed loss of each group (groups, m, d): input of a cross-fit."""
        return self.sums[f"gradient/{name}"].double().numpy()

    def half_gradients(self, name: str) -> tuple[Array, Array]:
        """Mean gradients (m, d) of the even and of the odd groups: disjoint sequences."""
        if self.options.groups < 2:
            raise InputError("statistics keep one group; collect them with groups of at least 2")
        sums, tokens = self.gradient_sums(name), np.asarray(self.group_tokens)
        even, odd = (sums[half::2].sum(axis=0) / tokens[half::2].sum() for half in (0, 1))
        return even, odd

    def save(self, path: str | Path) -> None:
        """Write one safetensors file with its manifest, atomically."""
        write_tensors(Path(path), self.sums, self.manifest())

    def manifest(self) -> dict[str, Any]:
        """Everything but the sums, as JSON."""
        record = {
            **vars(self),
            "format": FORMAT,
            "kind": "statistics",
            "options": asdict(self.options),
        }
        del record["sums"]
        record["modules"] = [asdict(module) for module in self.modules]
        record["parts"] = [asdict(part) for part in self.parts]
        record["accuracy"] = dict(self.accuracy)
        return record

    @classmethod
    def load(cls, path: str | Path, *, model: str | None = None) -> "Statistics":
        """Read a file; the sums stay on disk until they are asked for.

        Parameters
        ----------
        model
            Digest that the file must have been taken from.

        Raises
        ------
        InputError
            If the file is missing, truncated, corrupt, of another format or of another model.
        """
        sums = TensorFile(Path(path))
        record = dict(sums.manifest)
        if (record.pop("format", None), record.pop("kind", None)) != (FORMAT, "statistics"):
            raise InputError(f"{str(path)!r} is not a statistics file of format {FORMAT}")
        record["modules"] = tuple(AdaptedModule(**module) for module in record["modules"])
        record["options"] = Options(**record["options"])
        record["parts"] = tuple(Part(**part) for part in record["parts"])
        for name in ("group_tokens", "group_sequences", "group_losses"):
            record[name] = tuple(record[name])
        if model is not None and record["model"] != model:
            raise InputError(
                f"{str(path)!r} was taken from model {record['model']}, not from {model}"
            )
        return cls(sums=sums, **record)


def merge(parts: "tuple[Statistics, ...] | list[Statistics]") -> Statistics:
    """Add statistics of disjoint shards, in the order given.

    Sums are added in their own precision, so the result differs from one run over all
    sequences by the rounding of one addition per shard and by nothing else.

    Raises
    ------
    InputError
        If models, modules or options differ, or a sequence would count twice.
    """
    if not parts:
        raise InputError("merge needs at least one statistics file")
    first, *rest = parts
    merged, sums = first, {name: tensor.clone() for name, tensor in first.sums.items()}
    for other in rest:
        for what in ("model", "modules", "options"):
            if getattr(other, what) != getattr(first, what):
                raise InputError(
                    f"statistics cannot be merged: {what} differs "
                    f"({getattr(first, what)!s:.200} and {getattr(other, what)!s:.200})"
                )
        for part in other.parts:
            for seen in merged.parts:
                if part.data == seen.data and (
                    part.shards != seen.shards or part.index == seen.index
                ):
                    raise InputError(
                        f"statistics cannot be merged: {part} and {seen} share sequences"
                    )
        for name, tensor in other.sums.items():
            sums[name] += tensor
        merged = replace(
            merged,
            parts=merged.parts + other.parts,
            positions=merged.positions + other.positions,
            group_tokens=_added(merged.group_tokens, other.group_tokens),
            group_sequences=_added(merged.group_sequences, other.group_sequences),
            group_losses=_added(merged.group_losses, other.group_losses),
            accuracy={},
        )
    return replace(merged, sums=sums)


def _added(left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))

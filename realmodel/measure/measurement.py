"""What one pass measured: sums that add up over sequences, and each sequence's row."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.measure.statistics.products import unpacked
from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.kernel import Kernel, regroup
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule
from realmodel.runs.tensor_file import TensorFile, write_tensors
from theory import InputError
from theory.arrays import Array, Float64

FORMAT = 2

KERNEL = tuple(item.name for item in fields(Kernel))


class ByName(Mapping[str, Any]):
    """Named values, each computed from its sum when it is asked for."""

    def __init__(self, names: tuple[str, ...], compute: Callable[[str], Any]) -> None:
        self._names, self._compute = names, compute

    def __getitem__(self, name: str) -> Any:
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
class PassRecord:
    """How a pass was taken: everything that changes its numbers, so that others never mix in.

    Attributes
    ----------
    groups
        Random groups of sequences (from ``seed``) whose gradients are kept apart; 0 keeps neither
        gradients nor moments.
    output_moment
        Gamma's labels: ``sampled`` from the model, ``empirical`` (the data's), or ``none``.
    draws
        Label draws per sequence.
    protocol
        Of the run in whose coordinates and scaling sequences have rows; None: no rows.
    rows
        Sequences that have a row.
    batch_size, padding_side, partitions, seed
        As given to :func:`realmodel.measure.one_pass.one_pass`.
    dtype
        Of the model's arithmetic.
    """

    groups: int
    output_moment: str
    draws: int
    protocol: Mapping[str, Any] | None
    rows: int
    batch_size: int
    padding_side: str
    partitions: int
    seed: int
    dtype: str


@dataclass(frozen=True)
class Measurement:
    """Second moments, gradients, and the tangent model's kernels of every module.

    Attributes
    ----------
    modules
        In forward order.
    sums
        Packed ``sigma/<input group>`` and ``gamma/<module>``, ``gradient/<module>`` (groups, m, d),
        and of each module either the five products of its :class:`Kernel` or, while shards are
        still to be merged, its rows ``data/<module>`` and ``sampled/<module>``; in memory or on
        disk.
    model
        Digest of the checkpoint.
    options, parts
        How and over which sequences they were taken.
    positions
        Unpadded positions (prompt and completion).
    group_tokens, group_sequences, group_losses
        Completion tokens, sequences and summed loss (nats) of each group.
    row_tokens
        Completion tokens of each sequence that has a row, in all shards.
    """

    modules: tuple[AdaptedModule, ...]
    sums: Mapping[str, torch.Tensor]
    model: str
    options: PassRecord
    parts: tuple[Part, ...]
    positions: int
    group_tokens: tuple[int, ...]
    group_sequences: tuple[int, ...]
    group_losses: tuple[float, ...]
    row_tokens: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        counts = (len(self.group_tokens), len(self.group_sequences), len(self.group_losses))
        if set(counts) != {max(1, self.options.groups)}:
            raise InputError(f"measurement: {counts} counts for {self.options.groups} groups")
        if self.tokens < 1:
            raise InputError("the measured sequences hold no completion token")

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
    def sigma(self) -> Mapping[str, Float64[Array, "d d"]]:
        """``Sigma = E[h h']`` (d, d) over unpadded positions, by input group."""
        size = {module.input_group: module.in_features for module in self.modules}

        def compute(group: str) -> Array:
            return unpacked(self.sums[f"sigma/{group}"], size[group]).numpy() / self.positions

        return ByName(self.input_groups, compute)

    @property
    def gamma(self) -> Mapping[str, Float64[Array, "m m"]]:
        """``Gamma`` (m, m) by module, such that the block's curvature is about Sigma (x) Gamma.

        ``Gamma = 1/N sum_t g_t g_t'`` with ``g_t`` the gradient of the *summed* loss at the
        module's output in position t, over N completion tokens (and the mean over draws).
        """
        if self.options.output_moment == "none":
            raise InputError("no Gamma was measured: take the pass with output_moment='sampled'")
        size = {module.name: module.out_features for module in self.modules}
        draws = self.options.draws if self.options.output_moment == "sampled" else 1

        def compute(name: str) -> Array:
            return unpacked(self.sums[f"gamma/{name}"], size[name]).numpy() / (self.tokens * draws)

        return ByName(self.names, compute)

    @property
    def gradient(self) -> Mapping[str, Float64[Array, "m d"]]:
        """Gradient of the mean loss (m, d), outputs first, by module."""
        return ByName(self.names, lambda name: self.gradient_sums(name).sum(axis=0) / self.tokens)

    def gradient_sums(self, name: str) -> Float64[Array, "groups m d"]:
        """Gradient of the summed loss of each group: input of a cross-fit."""
        return self.sums[f"gradient/{name}"].double().numpy()

    def half_gradients(self, name: str) -> tuple[Array, Array]:
        """Mean gradients (m, d) of the even and of the odd groups: disjoint sequences."""
        if self.options.groups < 2:
            raise InputError("the pass kept one group of sequences; take it with at least 2")
        sums, tokens = self.gradient_sums(name), np.asarray(self.group_tokens)
        even, odd = (sums[half::2].sum(axis=0) / tokens[half::2].sum() for half in (0, 1))
        return even, odd

    @cached_property
    def kernels(self) -> Mapping[str, Kernel]:
        """The tangent model's products, by module; ``kernel.regroup`` adds them up.

        Raises
        ------
        InputError
            If the pass kept no rows, or shards are missing.
        """
        if self.options.protocol is None:
            raise InputError("no tangent model was measured: take the pass with a protocol")
        seen = sum(part.shards == 1 for part in self.parts) or len(self.parts)
        if seen < self.parts[0].shards:
            raise InputError(
                f"{seen} of {self.parts[0].shards} shards were merged: the tangent model needs all"
            )
        return {name: self._kernel(name) for name in self.names}

    def _kernel(self, name: str) -> Kernel:
        if f"data/{name}" in self.sums:
            return Kernel.from_rows(
                self.sums[f"data/{name}"],
                self.sums[f"sampled/{name}"],
                np.asarray(self.row_tokens, dtype=np.float64),
                batch_size=self.protocol.batch_size,
            )
        curvature, projection, square, contributions, slopes = (
            self.sums[f"{item}/{name}"].numpy() for item in KERNEL
        )
        return Kernel(curvature, projection, float(square), contributions, slopes)

    @property
    def protocol(self) -> FinetuneOptions:
        """The run in whose coordinates the rows are."""
        return FinetuneOptions(**(self.options.protocol or {}))

    def tangent(self) -> TangentGain:
        """What the protocol's run gains with any set of layers."""
        return TangentGain(
            regroup(self.kernels, self.modules, lambda module: module.layer),
            np.asarray(self.row_tokens, dtype=np.float64),
            self.protocol.time,
        )

    def save(self, path: str | Path) -> None:
        """Write one safetensors file with its manifest, atomically."""
        write_tensors(Path(path), self.sums, self.manifest())

    def manifest(self) -> dict[str, Any]:
        """Everything but the sums, as JSON."""
        record = {item.name: getattr(self, item.name) for item in fields(self)}
        del record["sums"]
        return record | {
            "format": FORMAT,
            "kind": "measurement",
            "options": asdict(self.options),
            "modules": [asdict(module) for module in self.modules],
            "parts": [asdict(part) for part in self.parts],
        }

    @classmethod
    def load(cls, path: str | Path, *, model: str | None = None) -> "Measurement":
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
        if (record.pop("format", None), record.pop("kind", None)) != (FORMAT, "measurement"):
            raise InputError(f"{str(path)!r} is not a measurement of format {FORMAT}")
        record["modules"] = tuple(AdaptedModule(**module) for module in record["modules"])
        record["options"] = PassRecord(**record["options"])
        record["parts"] = tuple(Part(**part) for part in record["parts"])
        for name in ("group_tokens", "group_sequences", "group_losses", "row_tokens"):
            record[name] = tuple(record[name])
        if model is not None and record["model"] != model:
            raise InputError(
                f"{str(path)!r} was taken from model {record['model']}, not from {model}"
            )
        return cls(sums=sums, **record)


def merge(parts: "tuple[Measurement, ...] | list[Measurement]") -> Measurement:
    """Add measurements of disjoint shards, in the order given.

    Sums are added in their own precision, so the result differs from one pass over all
    sequences by the rounding of one addition per shard and by nothing else.

    Raises
    ------
    InputError
        If models, modules or options differ, or a sequence would count twice.
    """
    if not parts:
        raise InputError("merge needs at least one measurement")
    first, *rest = parts
    merged, sums = first, {name: tensor.clone() for name, tensor in first.sums.items()}
    for other in rest:
        for what in ("model", "modules", "options"):
            if getattr(other, what) != getattr(first, what):
                raise InputError(
                    f"measurements cannot be merged: {what} differs "
                    f"({getattr(first, what)!s:.200} and {getattr(other, what)!s:.200})"
                )
        if first.options.protocol is not None:
            data = {part.data for part in (*merged.parts, *other.parts)}
            if len(data) > 1:
                raise InputError(
                    "measurements of different data cannot be merged with their tangent models: "
                    "take the passes without a protocol"
                )
        for part in other.parts:
            for seen in merged.parts:
                if part.data == seen.data and (
                    part.shards != seen.shards or part.index == seen.index
                ):
                    raise InputError(
                        f"measurements cannot be merged: {part} and {seen} share sequences"
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
        )
    return replace(merged, sums=sums)


def _added(left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))

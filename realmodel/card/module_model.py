"""The tangent model with a block for every module, in a file of its own beside the card."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from realmodel.measure.companion import npz_bytes, read_companion
from realmodel.measure.tangent.coordinates import Coordinates
from theory import InputError, KernelQuadratic
from theory.arrays import Array, Float64, IntArray
from theory.jackknife import jackknife_error
from theory.quadratic.block_slices import block_slices

FILE = "modules.npz"

ARRAYS = ("images", "slopes", "sizes", "tokens", "ridge", "groups")

Groups = Sequence[Sequence[int]]
"""Each unit's modules, by position on the card."""


@dataclass(frozen=True, eq=False)
class ModuleModel:
    """What a budget of training steps reaches with any set of modules.

    Attributes
    ----------
    coordinates : Coordinates
        One block per module of the card, in its order.
    groups : (n,) array of int
        Group of each sequence, left out together by the jackknife; one group alone: no errors.
    """

    coordinates: Coordinates
    groups: IntArray

    def __post_init__(self) -> None:
        """Check shapes and numbers, which may come from a file."""
        own = self.coordinates
        (s, p), n = own.images.shape, len(own.tokens)
        fits = own.slopes.shape == (n, p) and s > 0 and s % n == 0 and self.groups.shape == (n,)
        if not fits or sum(own.sizes) != p or min(own.sizes, default=0) < 1:
            raise InputError(
                f"images of shape {own.images.shape} and slopes of shape {own.slopes.shape} do not "
                f"fit {n} sequences and blocks that sum to {sum(own.sizes)}"
            )
        if not (np.isfinite(own.images).all() and np.isfinite(own.slopes).all()):
            raise InputError("images and slopes must be finite")
        if not (own.tokens > 0).all() or not 0 < own.ridge < np.inf or self.groups.min() < 0:
            raise InputError("tokens and ridge must be positive, groups not negative")

    @property
    def modules(self) -> int:
        """How many blocks there are."""
        return len(self.coordinates.sizes)

    def quadratic(self, units: Groups) -> KernelQuadratic:
        """One block per unit: the modules of a layer, of a kind, or one module each.

        Coordinates of different modules are different, so a unit's kernel is the sum of theirs.
        """
        every = np.arange(len(self.coordinates.tokens))
        return KernelQuadratic.of([self._layer(unit, every) for unit in units])

    def gain(self, modules: Sequence[int]) -> float:
        """Of a set of modules, nats per completion token."""
        return self._gain(modules, np.arange(len(self.coordinates.tokens)))

    def gain_error(
        self, modules: Sequence[int], against: Sequence[int] | None = None
    ) -> float | None:
        """Jackknife standard error of a gain, or of its lead ``against`` other modules.

        ``None`` with fewer than three groups of sequences.
        """
        labels = np.unique(self.groups)
        if len(labels) < 3:
            return None
        kept = [np.flatnonzero(self.groups != label) for label in labels]
        gains = np.array([self._gain(modules, rows) for rows in kept])
        if against is not None:
            gains -= np.array([self._gain(against, rows) for rows in kept])
        return float(jackknife_error(gains))

    def _gain(self, modules: Sequence[int], kept: IntArray) -> float:
        if not len(modules):
            return 0.0
        return KernelQuadratic.of([self._layer(modules, kept)]).gain([0])

    def _layer(self, unit: Sequence[int], kept: IntArray) -> tuple[Array, Array, float]:
        J, g = self.coordinates.rows(kept, np.concatenate([self._columns[at] for at in unit]))
        return KernelQuadratic.layer(J, g, self.coordinates.ridge)

    @cached_property
    def _columns(self) -> tuple[IntArray, ...]:
        return tuple(np.arange(own.start, own.stop) for own in block_slices(self.coordinates.sizes))

    @cached_property
    def _stored(self) -> dict[str, np.ndarray]:
        """In single precision, as the rows were measured."""
        own = self.coordinates
        return {
            "images": own.images.astype(np.float32),
            "slopes": own.slopes.astype(np.float32),
            "sizes": np.array(own.sizes, dtype=np.int64),
            "tokens": np.asarray(own.tokens, dtype=np.float64),
            "ridge": np.array(own.ridge, dtype=np.float64),
            "groups": self.groups.astype(np.int64),
        }

    def to_bytes(self) -> bytes:
        """The ``.npz`` file (no pickle inside)."""
        return npz_bytes(self._stored)

    @cached_property
    def digest(self) -> str:
        """Hash of the numbers, by which the card knows its file."""
        found = hashlib.sha256()
        for name in ARRAYS:
            array = self._stored[name]
            found.update(f"{name}{array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    @classmethod
    def load(cls, path: Path, digest: str | None) -> "ModuleModel | None":
        """Read the modules that a card names, as :func:`read_companion` does."""

        def build(stored: Mapping[str, np.ndarray]) -> ModuleModel:
            return cls(
                Coordinates(
                    _doubles(stored["images"], 2),
                    _doubles(stored["slopes"], 2),
                    tuple(int(size) for size in stored["sizes"].ravel()),
                    _doubles(stored["tokens"], 1),
                    float(stored["ridge"]),
                ),
                np.asarray(stored["groups"], dtype=np.int64),
            )

        return read_companion(path, digest, ARRAYS, "modules", build, lambda held: held.digest)


def _doubles(array: np.ndarray, axes: int) -> Float64[Array, "..."]:
    if array.ndim != axes:
        raise ValueError(f"an array of shape {array.shape} where {axes} axes belong")
    return np.asarray(array, dtype=np.float64)

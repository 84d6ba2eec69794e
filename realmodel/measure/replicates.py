"""Jackknife replicates of the quadratic: the sampling error of the gain of any placement."""

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64
from theory.jackknife import jackknife_error
from theory.read_arrays import read_arrays


@dataclass(frozen=True)
class Replicates:
    """The quadratic with one group of sequences left out at a time.

    Parameters
    ----------
    gradients : array of shape (R, p)
    curvatures : array of shape (R, p, p)
    sizes : tuple of int
        Block sizes, summing to p.
    """

    gradients: Float64[Array, "R p"]
    curvatures: Float64[Array, "R p p"]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check shapes; a jackknife needs at least two groups."""
        count, p = self.gradients.shape
        if count < 2 or self.curvatures.shape != (count, p, p) or sum(self.sizes) != p:
            raise InputError(
                f"replicates of shapes {self.gradients.shape} and {self.curvatures.shape} do not "
                f"fit blocks {self.sizes}"
            )

    @cached_property
    def quadratics(self) -> tuple[BlockQuadratic, ...]:
        """One quadratic per left-out group."""
        return tuple(
            BlockQuadratic(gradient, curvature, self.sizes)
            for gradient, curvature in zip(self.gradients, self.curvatures, strict=True)
        )

    def gain_error(
        self, positions: tuple[int, ...], against: tuple[int, ...] | None = None
    ) -> float:
        """Jackknife standard error of the gain of ``positions``, nats per token.

        ``sqrt((R-1)/R sum (G_r - mean G)^2)`` over the ``R`` left-out groups; with ``against``
        that of the difference of two gains, paired group by group.
        """
        gains = self._gains(positions)
        if against is not None:
            gains = gains - self._gains(against)
        return float(jackknife_error(gains))

    def single_errors(self) -> Float64[Array, " layers"]:
        """Standard errors of the gains of single layers, nats per token."""
        gains = np.array([0.5 * quadratic.residual_norms**2 for quadratic in self.quadratics])
        return jackknife_error(gains)

    def _gains(self, positions: tuple[int, ...]) -> Float64[Array, " R"]:
        # Fronts of several costs, a choice and its rivals ask for the same placements.
        if positions not in self._known:
            self._known[positions] = np.array([own.gain(positions) for own in self.quadratics])
        return self._known[positions]

    @cached_property
    def _known(self) -> dict[tuple[int, ...], Float64[Array, " R"]]:
        return {}

    @cached_property
    def content(self) -> bytes:
        """The ``.npz`` file (no pickle inside)."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            gradients=self.gradients,
            curvatures=self.curvatures,
            sizes=np.asarray(self.sizes, dtype=np.int64),
        )
        return buffer.getvalue()

    def to_bytes(self) -> bytes:
        """The ``.npz`` file's bytes."""
        return self.content

    @cached_property
    def digest(self) -> str:
        """Hash of the numbers, by which the card knows its file."""
        return _digest(self.gradients, self.curvatures)

    @classmethod
    def load(cls, path: Path, digest: str | None) -> "Replicates | None":
        """Read the replicates that a card names; ``None`` where it names none or the file is gone.

        Raises
        ------
        InputError
            If the file is there but corrupt or of another card.
        """
        if digest is None or not path.exists():
            return None
        try:
            stored = read_arrays(path, ("gradients", "curvatures", "sizes"), "card's replicates")
            replicates = cls(
                np.asarray(stored["gradients"], dtype=np.float64),
                np.asarray(stored["curvatures"], dtype=np.float64),
                tuple(int(size) for size in stored["sizes"].ravel()),
            )
        except (ValueError, MemoryError) as error:
            raise InputError(f"corrupt replicates {str(path)!r}: {error}; remove it") from error
        if replicates.digest != digest:
            raise InputError(
                f"{str(path)!r} belongs to another card: keep card.json and quadratic.npz together"
            )
        return replicates


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

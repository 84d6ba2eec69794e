"""Jackknife replicates of the quadratic: the sampling error of the gain of any placement."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from realmodel.measure.companion import npz_bytes, read_companion
from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64
from theory.jackknife import jackknife_error


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

    @classmethod
    def of(cls, quadratics: Sequence[BlockQuadratic]) -> "Replicates":
        """From one quadratic per left-out group."""
        return cls(
            np.stack([quadratic.gradient for quadratic in quadratics]),
            np.stack([quadratic.curvature for quadratic in quadratics]),
            quadratics[0].sizes,
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

    def to_bytes(self) -> bytes:
        """The ``.npz`` file's bytes."""
        sizes = np.asarray(self.sizes, dtype=np.int64)
        return npz_bytes(
            {"gradients": self.gradients, "curvatures": self.curvatures, "sizes": sizes}
        )

    @cached_property
    def digest(self) -> str:
        """Hash of the numbers, by which the card knows its file."""
        found = hashlib.sha256()
        for array in (self.gradients, self.curvatures):
            found.update(str(array.shape).encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    @classmethod
    def load(cls, path: Path, digest: str | None) -> "Replicates | None":
        """Read the replicates that a card names, as :func:`read_companion` does."""

        def build(stored: Mapping[str, np.ndarray]) -> Replicates:
            return cls(
                np.asarray(stored["gradients"], dtype=np.float64),
                np.asarray(stored["curvatures"], dtype=np.float64),
                tuple(int(size) for size in stored["sizes"].ravel()),
            )

        return read_companion(
            path,
            digest,
            ("gradients", "curvatures", "sizes"),
            "replicates",
            build,
            lambda held: held.digest,
        )

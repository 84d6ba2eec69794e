"""6a: coupling that decays with distance is small within a spread set."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.additivity_bounds.interaction_norm import block_norms
from theory.arrays import Array, BoolArray
from theory.proofs.problems.quadratic import draw_sizes, spectrum_ends
from theory.proofs.theorem import Assumption, Bound, Draw, Family, Theorem
from theory.quadratic.positive_factor import EPS
from theory.spreading.coupling_decay import decay_upper, exponential_upper


@dataclass(frozen=True, eq=False)
class Decaying(Family):
    """Couplings of layers at ``positions``, ``||M_ij|| <= kappa(|i - j|)``.

    ``kappa`` (n, layers) is indexed by distance; it also lies below ``scale e^{-rate t}``.
    """

    M: Array
    sizes: tuple[int, ...]
    positions: tuple[int, ...]
    kappa: Array
    scale: Array
    rate: Array

    @property
    def gap(self) -> int:
        """Smallest distance of two layers."""
        return int(np.diff(self.positions).min())

    @cached_property
    def rho(self) -> Array:
        """``rho_S``."""
        low, high = spectrum_ends(self.M)
        return np.maximum(-low, high)

    @property
    def decreasing(self) -> BoolArray:
        """Where ``kappa`` is non-increasing from distance 1 on."""
        return np.asarray((np.diff(self.kappa[:, 1:]) <= 0).all(axis=1))

    @cached_property
    def tolerance(self) -> Array:
        """Rounding of a norm."""
        return np.full(len(self.M), 16 * self.M.shape[-1] * EPS)


def _draw(rng: np.random.Generator, count: int) -> Decaying:
    depth = int(rng.integers(6, 30))
    sizes = draw_sizes(rng)
    gap = (
        int(rng.integers(1, 1 + (depth - 1) // max(1, len(sizes) - 1))) if depth > len(sizes) else 1
    )
    slack = depth - 1 - gap * (len(sizes) - 1)
    if slack < 0:
        sizes, slack = sizes[:2], depth - 1 - gap
    shifts = np.sort(rng.integers(0, slack + 1, len(sizes)))
    positions = gap * np.arange(len(sizes)) + shifts
    scale, rate = rng.uniform(0.1, 3.0, count), rng.uniform(0.05, 1.5, count)
    kappa = scale[:, None] * np.exp(-rate[:, None] * np.arange(depth))
    p = sum(sizes)
    M = rng.standard_normal((count, p, p)) + rng.uniform(-2, 2, (count, 1, 1))
    M = M + M.swapaxes(1, 2)
    layer = np.repeat(np.arange(len(sizes)), sizes)
    allowed = kappa[:, np.abs(np.subtract.outer(positions, positions))]
    size = allowed / block_norms(M, sizes)
    M = np.where(layer[:, None] != layer, M * size[:, layer][:, :, layer], 0.0)
    return Decaying(M, sizes, tuple(int(at) for at in positions), kappa, scale, rate)


DECAYING = Draw("decaying couplings", _draw)


def _tight() -> Decaying:
    """Many redundant scalar layers, every one tuned: the middle rows see both sides."""
    depth, rate = 400, 0.5
    kappa = np.exp(-rate * np.arange(depth))[None]
    M = kappa[:, np.abs(np.subtract.outer(np.arange(depth), np.arange(depth)))] - np.eye(depth)
    one = np.ones(1)
    return Decaying(M, (1,) * depth, tuple(range(depth)), kappa, one, rate * one)


def _violated() -> Decaying:
    """Coupling that returns at distance 3, between the multiples of the gap 2."""
    M = np.zeros((1, 3, 3))
    M[0, 1, 2] = M[0, 2, 1] = 0.5
    kappa = np.array([[0.0, 0.0, 0.0, 0.5, 0.0, 0.0]])
    return Decaying(M, (1, 1, 1), (0, 2, 5), kappa, np.full(1, 0.5), np.full(1, 1.0))


THEOREM = Theorem[Decaying](
    id="6a",
    title="Coupling within a spread set",
    provenance="reconstruction",
    statement=r"\|M_{ij}\| \le \kappa(|i-j|) \ \Rightarrow\ \rho_S \le 2\sum_{m\ge1}\kappa(mq),"
    r"\qquad \kappa(t) = c\,e^{-at} \ \Rightarrow\ \rho_S \le \frac{2c}{e^{aq}-1}",
    assumptions=(Assumption(r"\kappa \text{ non-increasing}", lambda p: p.decreasing),),
    bounds=(
        Bound(
            "any decay",
            "upper",
            lambda p: p.rho,
            decay_upper,
            lambda p: (p.kappa, p.gap),
            closeness=1e-3,
        ),
        Bound(
            "exponential decay",
            "upper",
            lambda p: p.rho,
            exponential_upper,
            lambda p: (p.scale, p.rate, p.gap),
            closeness=1e-3,
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=DECAYING,
    functions=("coupling_bound",),
    figure="spreading",
)

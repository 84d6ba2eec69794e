"""11a: a shorter run couples its layers less, by shares that each layer's curvature gives."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.additivity_bounds.budget_coupling import (
    damped_coupling_upper,
    damped_end_upper,
    kept_shares,
    ridge_upper,
    two_largest,
)
from theory.arrays import Array, BoolArray, Float64
from theory.proofs.problems.quadratic import float64, spectrum_ends
from theory.proofs.theorem import Assumption, Bound, Draw, Family, Theorem
from theory.quadratic.block_slices import block_slices
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class Ridges(Family):
    """``n`` curvatures ``F`` (n, p, p) of one shape, and two ridges of each, shapes (n,)."""

    F: Float64[Array, "n p p"]
    sizes: tuple[int, ...]
    reference: Float64[Array, " n"]
    ridge: Float64[Array, " n"]

    @cached_property
    def blocks(self) -> Float64[Array, "n p p"]:
        """Diagonal blocks of ``F``."""
        layer = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return np.where(layer[:, None] == layer, self.F, 0.0)

    @cached_property
    def curvatures(self) -> Float64[Array, "n layers"]:
        """``lam_l``."""
        return np.stack(
            [spectrum_ends(self.F[:, at, at])[1] for at in block_slices(self.sizes)], axis=1
        )

    def range_at(self, ridge: Array) -> tuple[Array, Array]:
        """Extreme eigenvalues of the coupling under a ridge."""
        D = self.blocks + ridge[:, None, None] * np.eye(self.F.shape[-1])
        C = np.linalg.cholesky(D)
        half = np.linalg.solve(C, self.F - self.blocks)
        M = float64(np.linalg.solve(C, half.swapaxes(1, 2)))
        return spectrum_ends((M + M.swapaxes(1, 2)) / 2)

    def rho_at(self, ridge: Array) -> Array:
        """The coupling under a ridge."""
        low, high = self.range_at(ridge)
        return np.maximum(-low, high)

    @cached_property
    def rho(self) -> Float64[Array, " n"]:
        """At the reference."""
        return self.rho_at(self.reference)

    @cached_property
    def shares(self) -> Float64[Array, "n layers"]:
        """``t_l``."""
        return kept_shares(self.curvatures, self.ridge, self.reference)

    @cached_property
    def least_ridge(self) -> Float64[Array, " n"]:
        """Where the coupling falls to 1, or the reference if it is below there: by bisection."""
        low, high = self.reference, self.reference + self.curvatures.sum(axis=1)
        for _ in range(50):
            middle = (low + high) / 2
            above = self.rho_at(middle) > 1
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return np.where(self.rho > 1, high, self.reference)

    @cached_property
    def tolerance(self) -> Float64[Array, " n"]:
        """``c eps condition`` of the blocks, more where the range is small."""
        low, high = spectrum_ends(self.blocks)
        least = np.minimum(self.reference, self.ridge)
        size = np.clip(np.minimum(self.rho, self.rho_at(self.ridge)), 1e-6, 1.0)
        condition = (high + least) / (low + least)
        return float64(64 * self.F.shape[-1] * EPS * condition / size)


def draw_ridges(rng: np.random.Generator, count: int) -> Ridges:
    """Layers of unlike curvature, many with a common direction: ``rho`` up to ``L - 1``."""
    sizes = tuple(rng.integers(1, 4, rng.integers(2, 13)).tolist())
    p = sum(sizes)
    J = rng.standard_normal((count, max(sizes) + 2, p))
    J[:, :1] += rng.uniform(0, 6, (count, 1, 1))
    layer = np.repeat(np.arange(len(sizes)), sizes)
    J *= 10 ** rng.uniform(-1, 1, (count, 1, len(sizes)))[..., layer]
    F = J.swapaxes(1, 2) @ J
    reference = 10 ** rng.uniform(-4, 0, count)
    return Ridges(F, sizes, reference, reference * 10 ** rng.uniform(0, 4, count))


RIDGES = Draw("ridges", draw_ridges)


def _tight() -> Ridges:
    """Equal layers that share a direction; two of unlike curvature beside a third apart.

    The last one is indefinite, which no bound minds.
    """
    unlike = np.array([[4.0, -3.0, 0.0], [-3.0, 1.0, 0.0], [0.0, 0.0, 0.1]])
    one = np.full(3, 0.5)
    F = np.stack([np.full((3, 3), 2.0), np.full((3, 3), 2.0) + 0.5 * np.eye(3), unlike])
    return Ridges(F, (1, 1, 1), np.array([0.0, 0.0, 0.0]), 6 * one)


def _violated() -> Ridges:
    """A ridge taken away: the coupling of the flat directions comes out."""
    F = np.diag([4.0, 0.1, 4.0, 0.1])
    F[1, 3] = F[3, 1] = 0.09
    return Ridges(F[None], (2, 2), np.full(1, 1.0), np.full(1, 0.01))


def _shorter(p: Ridges) -> BoolArray:
    return np.asarray(p.ridge >= p.reference)


THEOREM = Theorem[Ridges](
    id="11a",
    title="A step budget tames the coupling",
    provenance="extension",
    statement=r"t_l = \frac{\lambda_l+\nu_0}{\lambda_l+\nu}:\quad \rho(\nu) \le \rho(\nu_0)"
    r"\sqrt{t_{(1)}t_{(2)}},\qquad t_{(1)}\mu_{\min}(\nu_0) \le \mu(\nu) \le"
    r" t_{(1)}\mu_{\max}(\nu_0),\qquad \nu = \frac{1}{2\tau}",
    assumptions=(Assumption(r"\nu \ge \nu_0", _shorter),),
    bounds=(
        Bound(
            "coupling",
            "upper",
            lambda p: p.rho_at(p.ridge),
            damped_coupling_upper,
            lambda p: (p.rho, p.shares),
        ),
        Bound(
            "redundant end",
            "upper",
            lambda p: p.range_at(p.ridge)[1],
            damped_end_upper,
            lambda p: (p.range_at(p.reference)[1], p.shares),
        ),
        Bound(
            "synergistic end",
            "upper",
            lambda p: -p.range_at(p.ridge)[0],
            damped_end_upper,
            lambda p: (-p.range_at(p.reference)[0], p.shares),
        ),
        Bound(
            "ridge of the paper's regime",
            "upper",
            lambda p: p.least_ridge,
            ridge_upper,
            lambda p: (p.rho, *two_largest(p.curvatures), p.reference),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=RIDGES,
    functions=("budget_coupling",),
    figure="step_budget_coupling",
)

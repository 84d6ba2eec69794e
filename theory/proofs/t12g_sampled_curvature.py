"""12g: a sampled curvature within a factor of the true one has every gain within that factor."""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64
from theory.proofs.problems.quadratic import draw_sizes, float64, inner, solve, spectrum_ends
from theory.proofs.theorem import Assumption, Bound, Draw, Family, Theorem
from theory.quadratic.positive_factor import EPS
from theory.quadratic.sampled_curvature import sampled_gain_lower, sampled_gain_upper


@dataclass(frozen=True, eq=False)
class SampledCurvatures(Family):
    """``n`` true curvatures with their ridge, and those of a sample, both (n, p, p).

    Attributes
    ----------
    true, sampled
        ``F + nu`` and ``F_hat + nu``.
    gradient
        ``g`` (n, p).
    sizes
        Of the layers.
    error
        Claimed ``eps`` (n,).
    """

    true: Float64[Array, "n p p"]
    sampled: Float64[Array, "n p p"]
    gradient: Float64[Array, "n p"]
    sizes: tuple[int, ...]
    error: Float64[Array, " n"]

    @cached_property
    def needed_error(self) -> Float64[Array, " n"]:
        """``||(F + nu)^{-1/2}(F_hat - F)(F + nu)^{-1/2}||``."""
        C = np.linalg.cholesky(self.true)
        half = np.linalg.solve(C, self.sampled - self.true)
        full = float64(np.linalg.solve(C, half.swapaxes(1, 2)))
        low, high = spectrum_ends((full + full.swapaxes(1, 2)) / 2)
        return np.maximum(-low, high)

    def gains(self, curvature: Array) -> Float64[Array, "sets n"]:
        """Of every set of layers."""
        layer = np.repeat(np.arange(len(self.sizes)), self.sizes)
        found: list[Array] = []
        for size in range(1, len(self.sizes) + 1):
            for layers in itertools.combinations(range(len(self.sizes)), size):
                at = np.flatnonzero(np.isin(layer, layers))
                g = self.gradient[:, at]
                found.append(0.5 * inner(g, solve(curvature[:, at][:, :, at], g)))
        return float64(found)

    @cached_property
    def extremes(self) -> tuple[Array, Array, Array, Array]:
        """Sampled and true gain of the set whose gain rises most, and of the one that falls most.

        Shapes (n,): one set of each problem stands for all of them.
        """
        sampled, true = self.gains(self.sampled), self.gains(self.true)
        ratio, n = sampled / true, np.arange(sampled.shape[1])
        up, down = ratio.argmax(axis=0), ratio.argmin(axis=0)
        return sampled[up, n], true[up, n], sampled[down, n], true[down, n]

    @cached_property
    def tolerance(self) -> Float64[Array, " n"]:
        """``c eps condition``."""
        low, high = spectrum_ends(self.true)
        return float64(64 * self.true.shape[-1] * EPS * high / low)


def _draw(rng: np.random.Generator, count: int) -> SampledCurvatures:
    sizes = draw_sizes(rng)[:5]
    p = sum(sizes)
    rows = rng.standard_normal((count, 40 * p, p)) * 10 ** rng.uniform(-0.5, 0.5, (count, 1, p))
    rows[:, :, :1] += rng.uniform(0, 2, (count, 1, 1))
    ridge = 10 ** rng.uniform(-2, 1, (count, 1, 1)) * np.eye(p)
    half = rows[:, : 20 * p]
    true = rows.swapaxes(1, 2) @ rows / (40 * p) + ridge
    sampled = half.swapaxes(1, 2) @ half / (20 * p) + ridge
    made = SampledCurvatures(true, sampled, rng.standard_normal((count, p)), sizes, np.zeros(count))
    slack = rng.uniform(1.0, 1.1, count)
    return SampledCurvatures(true, sampled, made.gradient, sizes, made.needed_error * slack)


def _tight() -> SampledCurvatures:
    """The sample overstates every curvature by the same share, or understates it."""
    true = np.repeat(np.array([[[2.0, 0.5], [0.5, 1.0]]]), 2, axis=0)
    factors = np.array([1.25, 0.75])[:, None, None]
    g = np.array([[1.0, 2.0], [1.0, 2.0]])
    return SampledCurvatures(true, factors * true, g, (1, 1), np.full(2, 0.25))


def _violated() -> SampledCurvatures:
    """A sample that is blind to one direction, with a claim as if it saw it."""
    true, sampled = np.diag([1.0, 1.0]), np.diag([1.0, 0.1])
    return SampledCurvatures(true[None], sampled[None], np.ones((1, 2)), (1, 1), np.full(1, 0.25))


THEOREM = Theorem[SampledCurvatures](
    id="12g",
    title="Transfer of a sampled curvature",
    provenance="extension",
    statement=r"(1-\epsilon)(F+\nu) \le \hat F+\nu \le (1+\epsilon)(F+\nu) \ \Rightarrow\ "
    r"\frac{G_F(S)}{1+\epsilon} \le G_{\hat F}(S) \le \frac{G_F(S)}{1-\epsilon}"
    r" \text{ for all } S",
    assumptions=(
        Assumption(
            r"\epsilon \ge \|(F+\nu)^{-1/2}(\hat F-F)(F+\nu)^{-1/2}\|,\ \epsilon < 1",
            lambda p: (p.error >= p.needed_error * (1 - 1e-12)) & (p.error < 1),
        ),
    ),
    bounds=(
        Bound(
            "at most",
            "upper",
            lambda p: p.extremes[0],
            sampled_gain_upper,
            lambda p: (p.error, p.extremes[1]),
        ),
        Bound(
            "at least",
            "lower",
            lambda p: p.extremes[2],
            sampled_gain_lower,
            lambda p: (p.error, p.extremes[3]),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=Draw("sampled curvatures", _draw),
    functions=("true_gain_interval", "sampling_error"),
)

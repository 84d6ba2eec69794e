"""Random blocks ``E[h h' (x) B'B]`` seen through a downstream Jacobian, in stacked arrays."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64
from theory.hardness.residual_norm import kronecker_residual_norm
from theory.proofs.problems.quadratic import float64
from theory.proofs.theorem import Draw, Family
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class KroneckerProblems(Family):
    """``k`` blocks from ``n`` samples of a feature ``h`` and a Jacobian ``B`` each.

    Attributes
    ----------
    features, jacobians
        ``h`` (k, n, d) and ``B`` (k, n, o, m).
    gradient
        (k, m, d).
    """

    features: Float64[Array, "k n d"]
    jacobians: Float64[Array, "k n o m"]
    gradient: Float64[Array, "k m d"]

    @cached_property
    def moment(self) -> Float64[Array, "k d d"]:
        """``Sigma``."""
        return float64(self.features.swapaxes(1, 2) @ self.features / self.features.shape[1])

    @cached_property
    def output_moment(self) -> Float64[Array, "k m m"]:
        """``Gamma = E[B'B]``."""
        return float64(
            np.einsum("knoi,knoj->kij", self.jacobians, self.jacobians) / len(self.features[0])
        )

    @cached_property
    def block(self) -> Float64[Array, "k q q"]:
        """``E[(B'B) (x) (h h')]`` on the rows-first vector of ``A``."""
        k, n, d = self.features.shape
        m = self.jacobians.shape[3]
        rows = np.einsum("knoi,knd->knoid", self.jacobians, self.features).reshape(k, -1, m * d)
        return float64(rows.swapaxes(1, 2) @ rows / n)

    @cached_property
    def decrement(self) -> Float64[Array, " k"]:
        """``sqrt(g' block^{-1} g)``: the block's Newton decrement."""
        g = self.gradient.reshape(len(self.gradient), -1)
        solved = np.linalg.solve(self.block, g[..., None])[..., 0]
        return float64(np.sqrt(np.einsum("kq,kq->k", g, solved)))

    @cached_property
    def residual_norm(self) -> Float64[Array, " k"]:
        """The library's number."""
        parts = zip(self.gradient, self.moment, self.output_moment, strict=True)
        return np.array([kronecker_residual_norm(*part) for part in parts])

    @cached_property
    def tolerance(self) -> Float64[Array, " k"]:
        """``c eps condition``."""
        values = np.linalg.eigvalsh(self.block)
        return float64(256 * values.shape[1] * EPS * values[:, -1] / np.abs(values[:, 0]))


def _draw(rng: np.random.Generator, count: int) -> KroneckerProblems:
    """Draw designs in which every feature meets every Jacobian, so that the block factorises."""
    d, m = (int(size) for size in rng.integers(1, 5, 2))
    inputs, outputs = int(rng.integers(d, 2 * d + 2)), int(rng.integers(1, 4))
    jacobians = int(rng.integers(m, 2 * m + 2))
    spread = 10 ** (rng.uniform(0, 1, (count, 1, 1)) * rng.uniform(-1, 1, (count, 1, d)))
    h = rng.standard_normal((count, inputs, d)) * spread
    B = rng.standard_normal((count, jacobians, outputs, m)) * 10 ** rng.uniform(-2, 2)
    return KroneckerProblems(
        np.repeat(h, jacobians, axis=1),
        np.tile(B, (1, inputs, 1, 1)),
        rng.standard_normal((count, m, d)),
    )


draw_kronecker_problems = Draw("Kronecker blocks", _draw)

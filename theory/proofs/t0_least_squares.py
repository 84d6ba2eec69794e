"""0: for least squares, gains are projections and couplings are cosines."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, draw_sizes
from theory.proofs.theorem import Assumption, Bound, Draw, Family, Theorem
from theory.quadratic.positive_factor import EPS
from theory.quadratic.projection import principal_cosine, projected_gain


@dataclass(frozen=True, eq=False)
class LeastSquares(Family):
    """``||r - J theta||_W^2 / 2``: ``J`` (n, N, p), ``r`` (n, N) and weights ``w`` (n, N)."""

    J: Array
    r: Array
    w: Array
    sizes: tuple[int, ...]

    @cached_property
    def problems(self) -> Problems:
        """The block quadratics; the first layer is the tuned one."""
        weighted = self.J * self.w[..., None]
        gradient = -np.einsum("nij,ni->nj", weighted, self.r)
        curvature = np.einsum("nij,nik->njk", self.J, weighted)
        return Problems(
            gradient, (curvature + curvature.swapaxes(1, 2)) / 2, self.sizes, (0,), gradient
        )

    @cached_property
    def cosine(self) -> Array:
        """``||M_01||``, the norm of the coupling between the first two layers."""
        first, second, _ = np.split(np.arange(sum(self.sizes)), np.cumsum(self.sizes[:2]))
        block = self.problems.whitened_coupling[:, first][:, :, second]
        return np.asarray(np.linalg.norm(block, 2, axis=(1, 2)), dtype=np.float64)

    @cached_property
    def tolerance(self) -> Array:
        """Rounding of the normal equations."""
        values = self.problems.spectrum
        return np.asarray(64 * self.J.shape[1] * EPS * values[:, -1] / values[:, 0])


def _draw(rng: np.random.Generator, count: int) -> LeastSquares:
    sizes = draw_sizes(rng)
    p = sum(sizes)
    J = rng.standard_normal((count, p + 5, p)) * 10 ** rng.uniform(-1, 1, (count, 1, p))
    return LeastSquares(J, rng.standard_normal(J.shape[:2]), np.ones(J.shape[:2]), sizes)


def _tight() -> LeastSquares:
    """Any instance: these are equalities."""
    return _draw(np.random.default_rng(1), 3)


def _violated() -> LeastSquares:
    """Unequal weights: projections must then be taken in the weighted metric."""
    plain = _tight()
    weights = np.linspace(1.0, 4.0, plain.r.shape[1])
    return LeastSquares(plain.J, plain.r, np.broadcast_to(weights, plain.r.shape), plain.sizes)


def _columns(p: LeastSquares, layer: int) -> Array:
    start = sum(p.sizes[:layer])
    return p.J[..., start : start + p.sizes[layer]]


THEOREM = Theorem[LeastSquares](
    id="0",
    title="Least squares: gains are projections, couplings cosines",
    provenance="extension",
    statement=r"G(S) = \frac12\,\|P_S\,r\|^2,\qquad \|M_{ij}\|_2 ="
    r" \cos\angle_{\min}(\mathrm{span}\,J_i,\ \mathrm{span}\,J_j)",
    assumptions=(Assumption("W = I", lambda p: (p.w == 1).all(axis=1)),),
    bounds=(
        Bound(
            "joint gain", "equal", lambda p: p.problems.gain, projected_gain, lambda p: (p.J, p.r)
        ),
        Bound(
            "gain of a layer",
            "equal",
            lambda p: p.problems.gain_tuned,
            projected_gain,
            lambda p: (_columns(p, 0), p.r),
        ),
        Bound(
            "coupling",
            "equal",
            lambda p: p.cosine,
            principal_cosine,
            lambda p: (_columns(p, 0), _columns(p, 1)),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=Draw("least squares", _draw),
    functions=("BlockQuadratic.from_least_squares", "projected_gain", "principal_cosine"),
    figure="overview",
)

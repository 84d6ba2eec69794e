"""Random block quadratics in stacked arrays, so that thousands are checked at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import Array, BoolArray, Float64, IntArray
from theory.proofs.theorem import Draw, Family
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class Problems(Family):
    """``n`` block quadratics of one shape; every derived quantity comes from its definition.

    Attributes
    ----------
    gradient, curvature, sizes
        ``g`` (n, p), ``H`` (n, p, p) and the layers' sizes, see
        :class:`~theory.quadratic.block_quadratic.BlockQuadratic`.
    tuned
        The set ``S`` of tuned layers.
    theta
        Some displacement (n, p), for statements about every displacement.
    """

    gradient: Float64[Array, "n p"]
    curvature: Float64[Array, "n p p"]
    sizes: tuple[int, ...]
    tuned: tuple[int, ...]
    theta: Float64[Array, "n p"]

    @classmethod
    def from_whitened(
        cls,
        couplings: ArrayLike,
        gradients: ArrayLike,
        sizes: Sequence[int] | None = None,
        *,
        tuned: Sequence[int] | None = None,
        factor: Array | None = None,
        theta: ArrayLike | None = None,
    ) -> "Problems":
        """Build from ``M``, ``u`` and block factors ``C`` (identity by default).

        ``H = C (I + M) C'`` and ``g = C u``; one ``M`` may serve many ``u``. Unless given,
        layers are scalars and all tuned, and ``theta`` is ``u``.
        """
        M = np.asarray(couplings, dtype=np.float64)
        u = np.atleast_2d(np.asarray(gradients, dtype=np.float64))
        n, p = u.shape
        C = np.broadcast_to(np.eye(p) if factor is None else factor, (n, p, p))
        H = C @ (np.eye(p) + M) @ C.swapaxes(1, 2)
        shape = (1,) * p if sizes is None else tuple(sizes)
        return cls(
            gradient=apply(C, u),
            curvature=(H + H.swapaxes(1, 2)) / 2,
            sizes=shape,
            tuned=tuple(range(len(shape))) if tuned is None else tuple(tuned),
            theta=u if theta is None else np.atleast_2d(np.asarray(theta, dtype=np.float64)),
        )

    def quadratic(self, index: int) -> BlockQuadratic:
        """One problem as the library's object."""
        return BlockQuadratic(self.gradient[index], self.curvature[index], self.sizes)

    # ------------------------------------------------------------------ splitting

    @property
    def dimension(self) -> int:
        """Number of coordinates ``p``."""
        return sum(self.sizes)

    @cached_property
    def layer(self) -> IntArray:
        """Layer of each coordinate, shape (p,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @cached_property
    def inside(self) -> list[int]:
        """Coordinates of the tuned layers."""
        return [i for i, layer in enumerate(self.layer.tolist()) if layer in self.tuned]

    @cached_property
    def outside(self) -> list[int]:
        """Coordinates of the other layers."""
        return [i for i, layer in enumerate(self.layer.tolist()) if layer not in self.tuned]

    @cached_property
    def blocks(self) -> Float64[Array, "n p p"]:
        """``D``, the diagonal blocks of ``H``."""
        return np.where(self.layer[:, None] == self.layer, self.curvature, 0.0)

    @cached_property
    def interaction(self) -> Float64[Array, "n p p"]:
        """``E = H - D``."""
        return self.curvature - self.blocks

    @cached_property
    def blocks_range(self) -> tuple[Array, Array]:
        """Extreme eigenvalues of ``D``, shapes (n,)."""
        return spectrum_ends(self.blocks)

    @cached_property
    def spectrum(self) -> Float64[Array, "n p"]:
        """Eigenvalues of ``H``."""
        return float64(np.linalg.eigvalsh(self.curvature))

    @property
    def positive(self) -> BoolArray:
        """Where ``H > 0``."""
        return self.spectrum[:, 0] > 0

    # ------------------------------------------------------------------ whitened

    @cached_property
    def factor(self) -> Float64[Array, "n p p"]:
        """Cholesky factor ``C`` of ``D``; a root of ``|D|`` where an example breaks ``D > 0``."""
        if (self.blocks_range[0] > 0).all():
            return float64(np.linalg.cholesky(self.blocks))
        values, vectors = np.linalg.eigh(self.blocks)
        return float64(vectors * np.sqrt(np.abs(values))[:, None])

    @cached_property
    def whitened_gradient(self) -> Float64[Array, "n p"]:
        """``C^{-1} g``."""
        return solve(self.factor, self.gradient)

    @cached_property
    def whitened_coupling(self) -> Float64[Array, "n p p"]:
        """``C^{-1} E C^{-T}``."""
        half = np.linalg.solve(self.factor, self.interaction)
        full = float64(np.linalg.solve(self.factor, half.swapaxes(1, 2)))
        return (full + full.swapaxes(1, 2)) / 2

    @cached_property
    def coupling_range(self) -> tuple[Array, Array]:
        """``(mu_min, mu_max)``, shapes (n,)."""
        return spectrum_ends(self.whitened_coupling)

    @cached_property
    def rho(self) -> Float64[Array, " n"]:
        """``||M||``."""
        return np.maximum(-self.coupling_range[0], self.coupling_range[1])

    @cached_property
    def tuned_range(self) -> tuple[Array, Array]:
        """Extreme eigenvalues of ``M_SS``."""
        return spectrum_ends(self.whitened_coupling[:, self.inside][:, :, self.inside])

    @cached_property
    def rho_tuned(self) -> Float64[Array, " n"]:
        """``rho_S = ||M_SS||``."""
        return np.maximum(-self.tuned_range[0], self.tuned_range[1])

    # ------------------------------------------------------------------ gains

    @cached_property
    def energy(self) -> Float64[Array, " n"]:
        """``sum_l Res_l^2 = g' D^{-1} g``."""
        return inner(self.gradient, solve(self.blocks, self.gradient))

    @cached_property
    def energy_tuned(self) -> Float64[Array, " n"]:
        """``sum_{l in S} Res_l^2``."""
        return inner(self.gradient, self.keep(solve(self.blocks, self.gradient), self.inside))

    @cached_property
    def theta_joint(self) -> Float64[Array, "n p"]:
        """``theta_glob = -H^{-1} g``."""
        return -solve(self.curvature, self.gradient)

    @cached_property
    def theta_separate(self) -> Float64[Array, "n p"]:
        """``theta_loc = -D^{-1} g``."""
        return -solve(self.blocks, self.gradient)

    @cached_property
    def theta_tuned(self) -> Float64[Array, "n p"]:
        """Minimiser over the tuned layers, zero elsewhere."""
        theta = np.zeros_like(self.gradient)
        S = self.inside
        theta[:, S] = -solve(self.curvature[:, S][:, :, S], self.gradient[:, S])
        return theta

    @cached_property
    def gain(self) -> Float64[Array, " n"]:
        """``G(all)``: the decrease at the stationary point, which ``H > 0`` makes the largest."""
        return -self.value(self.theta_joint)

    @cached_property
    def gain_tuned(self) -> Float64[Array, " n"]:
        """``G(S)``."""
        return -self.value(self.theta_tuned)

    def value(self, theta: Array) -> Array:
        """``Q(theta)``, shape (n,)."""
        return inner(self.gradient, theta) + 0.5 * inner(theta, apply(self.curvature, theta))

    def norm(self, theta: Array) -> Array:
        """``||theta||_D``, shape (n,)."""
        return np.sqrt(np.maximum(inner(theta, apply(self.blocks, theta)), 0.0))

    def keep(self, theta: Array, coordinates: list[int]) -> Array:
        """``theta`` with every other coordinate set to zero."""
        kept = np.zeros_like(theta)
        kept[:, coordinates] = theta[:, coordinates]
        return kept

    @cached_property
    def tolerance(self) -> Float64[Array, " n"]:
        """Relative rounding error: ``c eps condition``, more where small differences are taken."""
        values = np.abs(self.spectrum)
        with np.errstate(all="ignore"):
            condition = values.max(axis=1) / values.min(axis=1)
            amplification = np.clip(self.rho, 1e-3, 1.0) ** -2.0
        return float64(16 * self.dimension * EPS * condition * amplification)


def float64(values: ArrayLike) -> Array:
    """Give NumPy's answer the type that it has."""
    return np.asarray(values, dtype=np.float64)


def apply(matrices: Array, vectors: Array) -> Array:
    """Stacked matrix-vector products, shape (n, p)."""
    return float64(np.einsum("nij,nj->ni", matrices, vectors))


def inner(left: Array, right: Array) -> Array:
    """Stacked inner products, shape (n,)."""
    return float64(np.einsum("ni,ni->n", left, right))


def solve(matrices: Array, vectors: Array) -> Array:
    """Solve stacked systems with one right-hand side each."""
    return float64(np.linalg.solve(matrices, vectors[..., None])[..., 0])


def spectrum_ends(matrices: Array) -> tuple[Array, Array]:
    """Extreme eigenvalues of stacked symmetric matrices."""
    values = float64(np.linalg.eigvalsh(matrices))
    return values[:, 0], values[:, -1]


# ---------------------------------------------------------------------- drawing


def _gaussian(rng: np.random.Generator, layer: IntArray) -> Array:
    """Coupling without structure."""
    return rng.standard_normal((len(layer), len(layer)))


def _common(rng: np.random.Generator, layer: IntArray) -> Array:
    """Coupling in which every layer writes to one common direction: redundant."""
    unlike = rng.uniform(0, 1)
    direction = 1 + unlike * rng.uniform(-0.5, 0.5, len(layer))
    return np.outer(direction, direction) + 0.05 * unlike * rng.standard_normal((len(layer),) * 2)


def _opposed(rng: np.random.Generator, layer: IntArray) -> Array:
    """Coupling of the opposite sign: synergistic."""
    return -_common(rng, layer)


def _banded(rng: np.random.Generator, layer: IntArray) -> Array:
    """Coupling that decays with the distance of the layers."""
    decay = np.exp(-rng.uniform(0.3, 1.5) * np.abs(layer[:, None] - layer))
    return float64(decay * rng.standard_normal((len(layer), len(layer))))


PATTERNS: tuple[Callable[[np.random.Generator, IntArray], Array], ...] = (
    _gaussian,
    _common,
    _opposed,
    _banded,
)


def draw_sizes(rng: np.random.Generator) -> tuple[int, ...]:
    """Draw two to eight layers of one to four coordinates."""
    return tuple(int(size) for size in rng.integers(1, 5, rng.integers(2, 9)))


def _draw_tuned(rng: np.random.Generator, layers: int) -> tuple[int, ...]:
    """Draw some of the layers, not all; a single one rarely."""
    least = 1 if layers == 2 or rng.random() < 0.05 else 2
    tuned = rng.permutation(layers)[: rng.integers(least, layers)]
    return tuple(sorted(int(layer) for layer in tuned))


def draw_quadratics(rng: np.random.Generator, count: int, sizes: tuple[int, ...]) -> Problems:
    """Draw ``count`` problems with layers of these sizes, always with ``H > 0``.

    Five of eight are strongly coupled, as trained models are: redundant for the most part, with
    ``1 + mu_min`` from 1 down to 1e-4 and ``rho`` up to ``L - 1``. The others have ``rho`` near 0,
    moderate or just below 1, in four patterns (unstructured, redundant, synergistic, banded), and
    layers of condition numbers up to 1e6.
    """
    layer = np.repeat(np.arange(len(sizes)), sizes)
    p = len(layer)
    apart = layer[:, None] != layer
    kind = (np.arange(count) + rng.integers(8)) % 8
    strong = kind >= 3
    pattern = np.where(
        strong & (rng.random(count) < 0.85), 1, rng.integers(len(PATTERNS), size=count)
    )
    M = np.stack([PATTERNS[k](rng, layer) for k in pattern])
    M = np.where(apart, M + M.swapaxes(1, 2), 0.0)
    low, high = spectrum_ends(M)
    strength = np.choose(
        np.minimum(kind, 3),
        [
            10 ** rng.uniform(-3, -1, count),
            rng.uniform(0.1, 0.9, count),
            1 - 10 ** rng.uniform(-3, -1, count),
            1 - 10 ** rng.uniform(-4, 0, count),
        ],
    )
    # A strong one gives -mu_min: rho = mu_max may then exceed 1. The others give rho.
    M *= (strength / np.where(strong, -low, np.maximum(-low, high)))[:, None, None]
    spread = rng.uniform(0, np.where(strong, 2.0, 6.0), count)[:, None]
    exponent = spread * rng.uniform(-0.5, 0.5, (count, p))
    rotation = np.linalg.qr(rng.standard_normal((count, p, p)))[0]
    D = np.where(apart, 0.0, (rotation * 10 ** exponent[:, None]) @ rotation.swapaxes(1, 2))
    C = np.linalg.cholesky(D)
    u = rng.standard_normal((count, p)) * 10 ** rng.uniform(-3, 3, (count, 1))
    return Problems.from_whitened(
        M,
        u,
        sizes,
        tuned=_draw_tuned(rng, len(sizes)),
        factor=C,
        theta=rng.standard_normal((count, p)),
    )


def _draw(rng: np.random.Generator, count: int) -> Problems:
    """Draw ``count`` problems of one random shape: as deep as real models are, or small."""
    deep = rng.random() < 0.6
    sizes = tuple(rng.integers(1, 3, rng.integers(12, 41)).tolist()) if deep else draw_sizes(rng)
    return draw_quadratics(rng, count, sizes)


draw_problems = Draw("quadratics", _draw)

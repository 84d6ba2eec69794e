"""A quadratic in the space of its rows: one small kernel per layer, whatever the layer's size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from theory.arrays import Array, Float64
from theory.choice.response import Response
from theory.errors import InputError
from theory.quadratic.positive_factor import EPS

SYMMETRY_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class KernelQuadratic:
    """``g'theta + theta'(N + J'J)theta / 2`` by ``J_l N_l^{-1}`` times ``J_l'`` and ``g_l``.

    ``J`` has ``n`` rows (one a sequence) and ``N`` is block-diagonal, such as the ridge of a step
    budget. For weights ``z``, a set being its indicator, and ``w = (I + sum z_l K_l)^{-1} sum z_l
    c_l``

        G(z) = 1/2 (sum z_l q_l - w'sum z_l c_l),    price_l = 1/2 (q_l - 2 w'c_l + w'K_l w).

    The gradient may leave the range of the rows: ``c`` and ``q`` hold all that matters of it.

    Parameters
    ----------
    kernels : (L, n, n) array
        ``K_l = J_l N_l^{-1} J_l'``, positive semi-definite.
    projections : (L, n) array
        ``c_l = J_l N_l^{-1} g_l``.
    squares : (L,) array
        ``q_l = g_l'N_l^{-1} g_l``, twice the loss.

    Raises
    ------
    InputError
        Shapes that do not fit, numbers that are not finite, a kernel that is not symmetric or
        has a negative diagonal.

    Notes
    -----
    Provenance: extension. A gain costs one Cholesky factor of size ``n``; a response adds products
    of ``L n^2``.

    Examples
    --------
    >>> J, g, nu = np.array([[1.0, 2.0]]), np.array([3.0, 4.0]), 0.5
    >>> own = [KernelQuadratic.layer(J[:, [l]], g[[l]], nu) for l in range(2)]
    >>> quadratic = KernelQuadratic.of(own)
    >>> H = J.T @ J + nu * np.eye(2)
    >>> bool(np.isclose(quadratic.gain([0, 1]), g @ np.linalg.solve(H, g) / 2))
    True
    """

    kernels: Float64[Array, "L n n"]
    projections: Float64[Array, "L n"]
    squares: Float64[Array, " L"]

    @property
    def reason(self) -> str:
        """Empty: the split holds by construction."""
        return ""

    def __post_init__(self) -> None:
        K = np.asarray(self.kernels, dtype=np.float64)
        c = np.asarray(self.projections, dtype=np.float64)
        q = np.asarray(self.squares, dtype=np.float64)
        if K.ndim != 3 or 0 in K.shape or K.shape[1] != K.shape[2]:
            raise InputError(f"kernels must have shape (L, n, n), not {K.shape}")
        if c.shape != K.shape[:2] or q.shape != K.shape[:1]:
            raise InputError(
                f"kernels of shape {K.shape} need projections {K.shape[:2]} and squares "
                f"{K.shape[:1]}, not {c.shape} and {q.shape}"
            )
        for name, values in (("kernels", K), ("projections", c), ("squares", q)):
            if not np.isfinite(values).all():
                raise InputError(f"{name} must be finite in every entry")
        for layer, own in enumerate(K):
            size = float(np.abs(own).max())
            if (
                float(np.abs(own - own.T).max()) > SYMMETRY_TOLERANCE * size
                or own.diagonal().min() < 0
            ):
                raise InputError(
                    f"the kernel of layer {layer} is not symmetric positive semi-definite"
                )
        if q.min() < 0:
            raise InputError(f"squares must be at least 0, not {q.min():.6g}")
        for name, values in (("kernels", K), ("projections", c), ("squares", q)):
            object.__setattr__(self, name, values)

    @classmethod
    def of(cls, layers: Sequence[tuple[Array, Array, float | int]]) -> "KernelQuadratic":
        """Stack what each layer gives: ``K_l``, ``c_l`` and ``q_l``."""
        if not len(layers):
            raise InputError("no layers: give the kernel of one at least")
        K, c, q = zip(*layers, strict=True)
        return cls(np.stack(K), np.stack(c), np.array(q, dtype=np.float64))

    @staticmethod
    def layer(
        rows: Float64[Array, "n d"], gradient: Float64[Array, " d"], ridge: float | int | int
    ) -> tuple[Array, Array, float]:
        """``K_l``, ``c_l`` and ``q_l`` of a layer with these rows, for ``N_l = ridge I``."""
        if not ridge > 0:
            raise InputError(f"ridge must be above 0, not {ridge}")
        return rows @ rows.T / ridge, rows @ gradient / ridge, float(gradient @ gradient) / ridge

    @property
    def layers(self) -> int:
        """``L``."""
        return len(self.squares)

    def gain(self, layers: Sequence[int]) -> float:
        """``G(S)``, in the unit of the loss."""
        if not len(layers):
            return 0.0
        at = list(layers)
        return self._solve(self.kernels[at].sum(axis=0), self.projections[at].sum(axis=0),
                           float(self.squares[at].sum()))[1]  # fmt: skip

    def _solve(self, K: Array, c: Array, q: float) -> tuple[Array, float]:
        n = len(c)
        B = K + np.eye(n)
        w = cho_solve(cho_factor(B, lower=True, overwrite_a=True, check_finite=False), c)
        return np.asarray(w), max(0.5 * (q - float(c @ w)), 0.0)

    def respond(self, weights: Float64[Array, " L"]) -> Response:
        """The response to weights in [0, 1]."""
        at = np.flatnonzero(weights)
        z = weights[at]
        # Products with stacked kernels as matrices: no copy of the stack.
        K = np.tensordot(z, self.kernels[at] if len(at) < self.layers else self.kernels, axes=1)
        w, value = self._solve(K, z @ self.projections[at], float(z @ self.squares[at]))
        prices = 0.5 * (self.squares - 2 * self.projections @ w + (self.kernels @ w) @ w)
        return Response(weights, value, 0.5 * float(w @ w), np.maximum(prices, 0.0))

    def additions(
        self, chosen: Sequence[int], layers: Sequence[int], costs: Float64[Array, " L"]
    ) -> tuple[int, float]:
        """Try layers in order of price, which is never below the gain of adding one (10c)."""
        z = np.zeros(self.layers)
        z[list(chosen)] = 1.0
        base = self.respond(z)
        unit = np.where(costs > 0, costs, EPS)
        order = sorted(layers, key=lambda layer: -base.prices[layer] / unit[layer])
        best, most, gain = order[0], -np.inf, base.value
        for layer in order:
            if base.prices[layer] / unit[layer] <= most:
                break
            total = self.gain([*chosen, layer])
            share = (total - base.value) / unit[layer]
            if share > most * (1 + 1e-10) or (best > layer and share >= most * (1 - 1e-10)):
                best, most, gain = layer, share, total
        return best, gain

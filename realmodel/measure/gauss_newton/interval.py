"""A certified interval for the gain of whole layers, all weights, without forming a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from realmodel.measure.gauss_newton.lanczos_options import LanczosOptions
from realmodel.measure.gauss_newton.products import GaussNewtonProducts
from realmodel.measure.gauss_newton.tangents import check_attention
from realmodel.measure.measurement import Measurement
from realmodel.measure.random_subset import random_groups
from realmodel.measure.whitener import Whitener
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint, model_of
from realmodel.model.modules import AdaptedModule
from theory import InputError, gain_interval
from theory.arrays import Array
from theory.jackknife import jackknife_error


@dataclass(frozen=True)
class LayersInterval:
    """Gain of all weights of some layers in the damped Gauss-Newton model, nats per token.

    Attributes
    ----------
    layers
        Transformer blocks whose modules move.
    lower, upper
        Bracket of the plug-in gain ``1/2 u'A^{-1}u`` with ``u`` the mean of the halves' whitened
        gradients; it overstates by the gradient's noise.
    cross_fitted_lower, cross_fitted_upper
        Bracket of ``1/2 u_1'A^{-1}u_2`` with gradients of disjoint halves: no such bias.
    standard_error
        Of the plug-in gain: jackknife over groups of sequences, within the Krylov space.
    damping
        ``A = C^{-1} H C^{-T} + damping I`` with ``C C'`` the (ridged) Kronecker metric
        Sigma (x) Gamma; it makes the upper side possible and shrinks the gain.
    ridge, products, sequences
        As given.
    """

    layers: tuple[int, ...]
    lower: float
    upper: float
    cross_fitted_lower: float
    cross_fitted_upper: float
    standard_error: float
    damping: float
    ridge: float
    products: int
    sequences: int


def layers_interval(
    checkpoint_or_model: Checkpoint | Any,
    encoded: Sequence[EncodedExample],
    statistics: Measurement,
    layers: Sequence[int],
    options: LanczosOptions | None = None,
    *,
    ridge: float = 1e-3,
    groups: int = 4,
    batch_size: int = 4,
) -> LayersInterval:
    """Bracket the gain of training every measured weight of ``layers`` together.

    Parameters
    ----------
    encoded
        Sequences of the curvature (a part of the data is enough).
    statistics
        Gradient, Sigma and Gamma of the layers' modules.
    options
        Products and damping; there are two brackets.
    groups
        Jackknife groups, at least 3.

    Raises
    ------
    InputError
        Layers without measured modules, groups out of range.

    Notes
    -----
    Provenance: extension (8f). Since ``H`` is positive semi-definite, the damping bounds the
    spectrum of ``A`` from below, which is what the Gauss-Radau side needs. The cross-fitted
    form uses ``u_1'A^{-1}u_2 = mean'A^{-1}mean - half_difference'A^{-1}half_difference``.
    """
    model = model_of(checkpoint_or_model)
    check_attention(model)
    options = options or LanczosOptions()
    damping, iterations = options.damping, options.products
    if groups < 3 or groups > len(encoded):
        raise InputError(f"groups {groups}: choose 3 to {len(encoded)}, the sequences at hand")
    wanted = tuple(sorted(set(layers)))
    modules = tuple(module for module in statistics.modules if module.layer in wanted)
    lacking = set(wanted) - {module.layer for module in modules}
    if lacking or not wanted:
        raise InputError(f"layers {sorted(lacking or wanted)} hold no measured module")
    space = _WhitenedSpace(statistics, modules, ridge)
    labels = random_groups(len(encoded), groups, statistics.options.seed)
    curvature = GaussNewtonProducts(model, encoded, modules, batch_size=batch_size, labels=labels)
    halves = [statistics.half_gradients(module.name) for module in modules]
    first, second = (space.whiten([half[side] for half in halves]) for side in (0, 1))
    krylov = _Krylov(space, curvature, damping)
    lower, upper = gain_interval(krylov.product, (first + second) / 2, damping, iterations)
    noise = _Krylov(space, curvature, damping)
    noise_lower, noise_upper = gain_interval(
        noise.product, (first - second) / 2, damping, iterations
    )
    return LayersInterval(
        layers=wanted,
        lower=lower,
        upper=upper,
        cross_fitted_lower=lower - noise_upper,
        cross_fitted_upper=upper - noise_lower,
        standard_error=krylov.standard_error(statistics),
        damping=damping,
        ridge=ridge,
        products=options.products,
        sequences=len(encoded),
    )


class _WhitenedSpace:
    """Between weight changes (m, d) per module and one vector in the Kronecker metric."""

    def __init__(
        self, statistics: Measurement, modules: Sequence[AdaptedModule], ridge: float
    ) -> None:
        self.modules = tuple(modules)
        groups = dict.fromkeys(module.input_group for module in modules)
        inner = {group: Whitener.of(statistics.sigma[group], ridge).factor for group in groups}
        self.inner = [inner[module.input_group] for module in modules]
        self.outer = [
            Whitener.of(statistics.gamma[module.name], ridge).factor for module in modules
        ]

    def whiten(self, gradients: Sequence[Array]) -> Array:
        """One vector from one gradient (m, d) per module."""
        parts = zip(self.outer, gradients, self.inner, strict=True)
        return np.concatenate([(outer.T @ G @ inner).ravel() for outer, G, inner in parts])

    def change(self, vector: Array) -> dict[str, Array]:
        """The weight changes that a whitened vector stands for."""
        sizes = [module.out_features * module.in_features for module in self.modules]
        pieces = np.split(vector, np.cumsum(sizes)[:-1])
        return {
            module.name: outer @ piece.reshape(module.out_features, -1) @ inner.T
            for module, piece, outer, inner in zip(
                self.modules, pieces, self.outer, self.inner, strict=True
            )
        }


class _Krylov:
    """Products for Lanczos, keeping each group's share for the jackknife."""

    def __init__(
        self, space: _WhitenedSpace, products: GaussNewtonProducts, damping: float
    ) -> None:
        self.space, self.products, self.damping = space, products, damping
        self.basis: list[Array] = []
        self.rows: list[Array] = []

    def product(self, vector: Array) -> Array:
        """``A v``; the groups' ``v_i' A_g v`` against the basis so far are kept."""
        groups = self.products.groups
        shares = self.products.by_group(self.space.change(vector))
        names = [module.name for module in self.space.modules]
        parts = np.stack(
            [self.space.whiten([shares[name][group] for name in names]) for group in range(groups)]
        )
        self.basis.append(vector)
        self.rows.append(np.stack(self.basis) @ parts.T)
        total: Array = parts.sum(axis=0) / self.products.group_tokens.sum()
        return total + self.damping * vector

    def standard_error(self, statistics: Measurement) -> float:
        """Leave out one group of the curvature's and of the gradient's sequences at a time."""
        size, groups = len(self.basis), self.products.groups
        T = np.zeros((groups, size, size))
        for column, row in enumerate(self.rows):
            T[:, : column + 1, column] = row.T
            T[:, column, : column + 1] = row.T
        V = np.stack(self.basis)
        space, tokens = self.space, np.asarray(statistics.group_tokens, dtype=float)
        sums = [statistics.gradient_sums(module.name) for module in space.modules]
        slopes = np.stack(
            [V @ space.whiten([total[g] for total in sums]) for g in range(len(tokens))]
        )
        gains: list[float] = []
        for group in range(groups):
            bent, sloped = np.arange(groups) != group, np.arange(len(tokens)) % groups != group
            A = T[bent].sum(axis=0) / self.products.group_tokens[bent].sum()
            u = slopes[sloped].sum(axis=0) / tokens[sloped].sum()
            gains.append(float(0.5 * u @ np.linalg.solve(A + self.damping * np.eye(size), u)))
        return float(jackknife_error(np.asarray(gains)))

"""A deep linear residual stream: coupling that emerges from depth, and what lies beyond it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64


@dataclass(frozen=True)
class ResidualStream:
    """h_{l+1} = h_l + (B_l + sum_a theta_{l,a} b_{l,a} a_{l,a}') h_l, output R h_L.

    Every layer carries k adapter directions of rank one. The loss is 1/2 E||T x - R h_L||^2 over
    x = h_0 with second moment Sigma; all expectations are exact. The output is linear in the
    theta of any one layer and multilinear over layers, so with J the Jacobian at theta = 0 and

        K_ab = out_b in_a' (a_b' P_{i+1..j} b_a)  for a in layer i, b in a later layer j

    (zero inside a layer), F(theta) = F(0) + J'theta + theta'K theta / 2 + terms of order three.

    Parameters
    ----------
    weights : (L, w, w)
        B_l, the frozen weights.
    receivers, senders : (L, k, w)
        a_{l,a} (what a direction reads) and b_{l,a} (where it writes).
    readout : (m, w)
        R.
    second_moment : (w, w)
        Sigma = E[x x'].
    target : (m, w)
        T.

    Raises
    ------
    InputError
        If the shapes do not agree.

    Notes
    -----
    Provenance: extension. The hypothesis K_D > 0 of theory section 1e cannot hold for this
    output, since K has zero diagonal blocks; it can for the loss itself, see
    :attr:`curvature`.

    Examples
    --------
    Two layers of width one: F = (1 + s)(1 + t) x, so that K_st = 1.

    >>> one = np.ones((2, 1, 1))
    >>> stream = ResidualStream(0 * one, one, one, np.eye(1), np.eye(1), 3 * np.eye(1))
    >>> stream.second_order(np.array([0.5, 0.2])).item(), stream.value(np.array([1.0, 0.5]))
    (0.1, -2.0)
    """

    weights: Float64[Array, "L w w"]
    receivers: Float64[Array, "L k w"]
    senders: Float64[Array, "L k w"]
    readout: Float64[Array, "m w"]
    second_moment: Float64[Array, "w w"]
    target: Float64[Array, "m w"]

    def __post_init__(self) -> None:
        L, w = self.weights.shape[:2]
        fits = (
            self.receivers.shape == self.senders.shape
            and self.receivers.shape[0] == L
            and self.receivers.shape[2] == w
            and self.weights.shape == (L, w, w)
            and self.second_moment.shape == (w, w)
            and self.readout.shape == self.target.shape
            and self.readout.shape[1] == w
        )
        if not fits:
            raise InputError(
                f"weights {self.weights.shape}, receivers {self.receivers.shape}, senders "
                f"{self.senders.shape}, readout {self.readout.shape}, second moment "
                f"{self.second_moment.shape} and target {self.target.shape} do not fit together"
            )

    @property
    def layers(self) -> int:
        """Depth L."""
        return len(self.weights)

    @property
    def directions(self) -> int:
        """Adapter directions k of each layer."""
        return int(self.receivers.shape[1])

    @property
    def parameters(self) -> int:
        """Number of adapter parameters L k."""
        return self.layers * self.directions

    @cached_property
    def _prefix(self) -> Float64[Array, "L1 w w"]:
        """h_l = prefix[l] x at theta = 0."""
        return prefix_maps(self.weights)

    @cached_property
    def _suffix(self) -> Float64[Array, "L1 m w"]:
        """Output = suffix[l] h_l at theta = 0."""
        return suffix_maps(self.weights, self.readout)

    @cached_property
    def _links(self) -> Float64[Array, "p p"]:
        """links[b, a] = a_b' P_{i+1..j} b_a for direction b of a layer after direction a's."""
        k = self.directions
        links = np.zeros((self.parameters, self.parameters))
        for i in range(self.layers):
            carried = self.senders[i].T  # (w, k): what layer i wrote, on its way down
            for j in range(i + 1, self.layers):
                links[j * k : (j + 1) * k, i * k : (i + 1) * k] = self.receivers[j] @ carried
                carried = carried + self.weights[j] @ carried
        return links

    @cached_property
    def _into(self) -> Float64[Array, "p w"]:
        """in_a: the row vector by which direction a reads the input x."""
        return (self.receivers @ self._prefix[:-1]).reshape(self.parameters, -1)

    @cached_property
    def _out(self) -> Float64[Array, "p m"]:
        """out_b: what direction b writes to the output."""
        out = self.senders @ self._suffix[1:].swapaxes(1, 2)
        return out.reshape(self.parameters, -1)

    @cached_property
    def jacobian(self) -> Float64[Array, "p m w"]:
        """dF/dtheta at 0, as maps of x: J_a = out_a in_a'."""
        return self._out[:, :, None] * self._into[:, None, :]

    def second_order(self, theta: Float64[Array, " p"]) -> Float64[Array, "m w"]:
        """Exact theta'K theta / 2, as a map of x."""
        return self._out.T @ (self._links * np.outer(theta, theta)) @ self._into

    def output_map(self, theta: Float64[Array, " p"]) -> Float64[Array, "m w"]:
        """F(.; theta) as a map of x."""
        return self.readout @ prefix_maps(self._adapted(theta))[-1]

    def interaction(self, theta: Float64[Array, " p"]) -> Float64[Array, "m w"]:
        """F(theta) - F(0) - sum over layers of (F(theta_l) - F(0)), as a map of x.

        Each layer alone acts linearly, so its term is exactly J_l'theta_l.
        """
        alone = self._out.T @ (theta[:, None] * self._into)
        return self.output_map(theta) - self._suffix[0] - alone

    def norm(self, output_map: Float64[Array, "m w"]) -> float:
        """Root mean square of a map's output, sqrt(E||F x||^2)."""
        return float(np.sqrt(np.sum((output_map @ self.second_moment) * output_map)))

    def value(self, theta: Float64[Array, " p"]) -> float:
        """Exact change of the loss from theta = 0."""
        start = self.norm(self.target - self._suffix[0])
        return (self.norm(self.target - self.output_map(theta)) ** 2 - start**2) / 2.0

    def slope(self, theta: Float64[Array, " p"]) -> Float64[Array, " p"]:
        """Exact gradient of the loss at ``theta``."""
        adapted = self._adapted(theta)
        prefix, suffix = prefix_maps(adapted), suffix_maps(adapted, self.readout)
        weighted = (self.target - suffix[0]) @ self.second_moment
        writes = self.senders @ suffix[1:].swapaxes(1, 2) @ weighted
        reads = self.receivers @ prefix[:-1]
        return -(writes * reads).sum(axis=2).ravel()

    @cached_property
    def gauss_newton(self) -> BlockQuadratic:
        """The loss with F replaced by F(0) + J'theta, one block for each layer."""
        H = (self._out @ self._out.T) * (self._into @ self.second_moment @ self._into.T)
        return BlockQuadratic(self.slope(np.zeros(self.parameters)), H, self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Directions of each layer."""
        return (self.directions,) * self.layers

    @cached_property
    def curvature(self) -> Float64[Array, "p p"]:
        """Exact Hessian of the loss at 0: Gauss-Newton minus E[(T x - F(0))' K].

        It has the Gauss-Newton diagonal blocks, and may be indefinite.
        """
        residual = (self.target - self._suffix[0]) @ self.second_moment
        lower = self._links * (self._out @ residual @ self._into.T)
        return self.gauss_newton.curvature - lower - lower.T

    def _adapted(self, theta: Array) -> Array:
        scaled = theta.reshape(self.layers, self.directions, 1) * self.senders
        return self.weights + scaled.swapaxes(1, 2) @ self.receivers


def prefix_maps(weights: Float64[Array, "L w w"]) -> Float64[Array, "L1 w w"]:
    """(I + B_{l-1}) .. (I + B_0) for l = 0 .. L."""
    maps = [np.eye(weights.shape[1])]
    for B in weights:
        maps.append(maps[-1] + B @ maps[-1])
    return np.stack(maps)


def suffix_maps(
    weights: Float64[Array, "L w w"], readout: Float64[Array, "m w"]
) -> Float64[Array, "L1 m w"]:
    """R (I + B_{L-1}) .. (I + B_l) for l = 0 .. L."""
    maps = [readout]
    for B in weights[::-1]:
        maps.append(maps[-1] + maps[-1] @ B)
    return np.stack(maps[::-1])

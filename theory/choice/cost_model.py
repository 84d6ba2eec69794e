"""What a placement costs to train: not additive, since backward stops at the lowest layer (8e)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from theory.errors import InputError
from theory.whole_numbers import whole_numbers


@dataclass(frozen=True)
class CostModel:
    """``a + b (L - min S) + sum_{l in S} c_l``, in one unit (seconds, bytes, adapters served).

    Parameters
    ----------
    per_layer : tuple of float
        ``c_l`` for each of the ``L`` layers.
    base : float
        ``a``: paid whatever is tuned (the forward pass).
    per_depth : float
        ``b``: paid for each layer from the lowest tuned one to the top (the backward pass).
    heights : tuple of float, optional
        For each ``l`` what stands for ``L - l``, where several units share a layer; must not rise.

    Raises
    ------
    InputError
        No layers, a cost that is negative or not finite, or heights that rise.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> cost = CostModel((1.0, 1.0, 1.0, 1.0), base=10.0, per_depth=2.0)
    >>> cost.of([3]), cost.of([0, 3])
    (13.0, 20.0)
    >>> CostModel.count(4).of([0, 3])
    2.0

    Two modules in each of two layers:

    >>> modules = CostModel((1.0,) * 4, per_depth=2.0, heights=(2.0, 2.0, 1.0, 1.0))
    >>> modules.of([1]), modules.of([2, 3])
    (5.0, 4.0)
    """

    per_layer: tuple[float, ...]
    base: float = 0.0
    per_depth: float = 0.0
    heights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.per_layer:
            raise InputError("per_layer is empty: give the cost of each layer")
        heights = self.heights or ()
        for cost in (self.base, self.per_depth, *self.per_layer, *heights):
            if not (np.isfinite(cost) and cost >= 0):
                raise InputError(f"costs must be finite and at least 0, got {cost}")
        rises = any(above > below for below, above in pairwise(heights))
        if self.heights is not None and (len(heights) != len(self.per_layer) or rises):
            raise InputError(
                f"heights must be one for each of {len(self.per_layer)} layers and not rise, got "
                f"{heights}"
            )

    @classmethod
    def count(cls, layers: int) -> "CostModel":
        """Cost 1 per layer: serving cost, and the budget of a plain size limit."""
        return cls((1.0,) * layers)

    @property
    def uniform(self) -> bool:
        """Whether every layer has the same cost of its own."""
        return len(set(self.per_layer)) == 1

    def height(self, layer: int) -> float:
        """How many times ``per_depth`` is paid where ``layer`` is the lowest."""
        return float(len(self.per_layer) - layer if self.heights is None else self.heights[layer])

    def first(self, layer: int) -> float:
        """Cost of tuning ``layer`` alone."""
        return float(self.base + self.per_depth * self.height(layer) + self.per_layer[layer])

    def of(self, layers: Sequence[int]) -> float:
        """Cost of a non-empty set of layers.

        Raises
        ------
        InputError
            Empty, out of range or no whole numbers.
        """
        layers = whole_numbers(layers, "layers")
        if not layers or min(layers) < 0 or max(layers) >= len(self.per_layer):
            raise InputError(
                f"layers {layers} have no cost: name at least one of {len(self.per_layer)}, from 0"
            )
        lowest = min(layers)
        return self.first(lowest) + float(
            sum(self.per_layer[layer] for layer in layers if layer != lowest)
        )

    def check(self, layers: int) -> "CostModel":
        """Return this model if it is about that many layers.

        Raises
        ------
        InputError
            It is about another number of layers.
        """
        if len(self.per_layer) != layers:
            raise InputError(f"the cost model has {len(self.per_layer)} layers, not {layers}")
        return self

"""The best layers of a model, how good any others can be, and what each layer is worth there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from theory import BlockQuadratic
from theory.arrays import Array, Float64
from theory.choice.block_split import splits
from theory.choice.exact_search import exact_search
from theory.choice.placement import Placement
from theory.choice.relaxation import respond_to
from theory.choice.response import Split
from theory.choice.unsplit import Unsplit

DEFAULT_SIZE: Final = 4
"""Layers that a card recommends where nobody has stated a budget, or all that there are."""

SECONDS: Final = 10.0
"""For one search; on models of up to some thirty layers it is over, and exact, long before."""


@dataclass(frozen=True)
class Certified:
    """A set of layers with its certificate (docs/theory.md, section 10).

    Attributes
    ----------
    layers : tuple of int
        Block indices.
    gain, gain_at_most : float
        Of these layers, and a bound on the gain of every set within the same budget; in nats per
        completion token.
    prices : tuple of float
        One per layer of the card, in nats per completion token. Of a layer left out: adding it
        gains at most that much. Of a layer taken: dropping it costs at least that much.
    statement : str
        Which results stand behind the bound.
    """

    layers: tuple[int, ...]
    gain: float
    gain_at_most: float
    prices: tuple[float, ...]
    statement: str

    @property
    def gap(self) -> float:
        """Largest share of the best gain that the set may miss; 0 where it is the best one."""
        return 1.0 - self.gain / self.gain_at_most if self.gain_at_most > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        lists = {"layers": list(self.layers), "prices": list(self.prices)}
        return {"size": len(self.layers), **vars(self), **lists, "gap": self.gap}


def certified(quadratic: BlockQuadratic, placement: Placement, indices: Sequence[int]) -> Certified:
    """The certificate of a placement that a search has found.

    Parameters
    ----------
    quadratic : theory.BlockQuadratic
        The model that was searched.
    placement : theory.choice.placement.Placement
        Its guarantee bounds the best gain.
    indices : sequence of int
        Block index of each position.
    """
    return Certified(
        tuple(indices[position] for position in placement.layers),
        placement.gain,
        max(placement.guarantee.best_gain_at_most, placement.gain),
        tuple(prices(quadratic, placement.layers).tolist()),
        placement.guarantee.statement,
    )


def best_of_size(
    quadratic: BlockQuadratic, size: int, candidates: Sequence[int] | None = None
) -> Placement:
    """The ``size`` layers of the largest gain, or the best that were found within the time."""
    return exact_search(quadratic, size, candidates=candidates, time_limit=SECONDS)


def prices(quadratic: BlockQuadratic, layers: Sequence[int]) -> Float64[Array, " L"]:
    """Price of every layer where exactly ``layers`` are tuned (10c), in the unit of the gain.

    Each split of the curvature proves prices of its own, all of them true: of a layer left out the
    smallest is kept, of a layer taken the largest.

    Examples
    --------
    Layers 0 and 1 repeat each other: beside layer 0 layer 1 adds at most 0.05 (exactly 0.026):

    >>> H = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> quadratic = BlockQuadratic(np.array([2.0, 1.9, 1.5]), H, (1, 1, 1))
    >>> prices(quadratic, [0, 2]).round(4).tolist()
    [0.2, 0.05, 0.1125]
    """
    chosen = list(layers)
    found: tuple[Split, ...] = splits(quadratic) or (Unsplit(quadratic),)
    each = np.array([respond_to(split, chosen).prices for split in found])
    kept = each.min(axis=0)
    kept[chosen] = each[:, chosen].max(axis=0)
    return kept

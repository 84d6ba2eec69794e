"""Placements of a shape that a tool can express, and what the shape costs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from realmodel.card.predictor import Predictor
from realmodel.placement.budget import Budget
from theory import InputError
from theory.choice.placement import Guarantee, Placement

SHAPES: Final = ("any", "suffix", "contiguous", "prefix-free")

Sets = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Shape:
    """Which sets of layers are allowed.

    Attributes
    ----------
    name : str
        ``any``; ``suffix``, the last layers, as mlx-lm's ``num_layers`` takes them; ``contiguous``,
        one run of layers; ``prefix-free``, any set above a frozen prefix.
    prefix : int or None
        Of ``prefix-free``: layers at the bottom that stay frozen; the lower half by default.
    """

    name: str
    prefix: int | None = None

    @classmethod
    def parse(cls, text: str, layers: int) -> "Shape":
        """Read ``suffix`` or ``prefix-free:8``.

        Parameters
        ----------
        text : str
        layers : int
            Of the card.

        Raises
        ------
        InputError
            No shape of ours, or a prefix that leaves no layer.

        Examples
        --------
        >>> Shape.parse("prefix-free", 12), Shape.parse("prefix-free:3", 12).prefix
        (Shape(name='prefix-free', prefix=6), 3)
        """
        name, _, count = str(text).partition(":")
        if name not in SHAPES or (count and name != "prefix-free"):
            raise InputError(
                f"unknown shape {str(text)[:40]!r}: choose {', '.join(SHAPES)} (or prefix-free:8 "
                "for a prefix of 8 layers)"
            )
        if name != "prefix-free":
            return cls(name)
        if text != name and not re.fullmatch(r"[0-9]{1,4}", count):
            raise InputError(f"shape {text[:40]!r}: a prefix is a number of layers")
        prefix = int(count) if count else layers // 2
        if not prefix < layers:
            raise InputError(f"shape {text!r} leaves none of {layers} layers to adapt")
        return cls(name, prefix)

    @property
    def title(self) -> str:
        """In words."""
        return {
            "any": "any layers",
            "suffix": "the last layers",
            "contiguous": "one run of layers",
            "prefix-free": f"layers above the lowest {self.prefix}",
        }[self.name]

    def candidates(self, positions: Sequence[int]) -> tuple[int, ...]:
        """Those of some positions that the shape can hold at all."""
        return tuple(at for at in positions if at >= (self.prefix or 0))

    def sets(self, candidates: Sequence[int], layers: int) -> Sets | None:
        """Every allowed set of candidates, or ``None`` where they are to be searched."""
        if self.name not in ("suffix", "contiguous"):
            return None
        allowed = set(candidates)
        runs = [
            tuple(range(first, last + 1))
            for last in (range(layers) if self.name == "contiguous" else [layers - 1])
            for first in range(last + 1)
        ]
        return tuple(run for run in runs if allowed.issuperset(run))


@dataclass(frozen=True)
class ShapePrice:
    """What a shape costs against any layers within the same budget.

    Attributes
    ----------
    shape : Shape
    sets : int or None
        Sets of the shape that the budget admits, all of them tried; ``None`` where searched.
    free : Placement
        The best layers of any shape, with the bound on all others.
    gain : float
        Of the best set of the shape.
    """

    shape: Shape
    sets: int | None
    free: Placement
    gain: float

    @property
    def price(self) -> float:
        """Share of the gain of the best layers found of any shape that the shape gives up."""
        return 1.0 - self.gain / self.free.gain if self.free.gain > 0 else 0.0

    @property
    def price_at_most(self) -> float:
        """The same against the bound on every set of any shape."""
        bound = max(self.free.guarantee.best_gain_at_most, self.free.gain)
        return 1.0 - self.gain / bound if bound > 0 else 0.0

    def to_dict(self, indices: Sequence[int]) -> dict[str, Any]:
        """JSON mapping; ``indices`` are the block index of each position."""
        return {
            "shape": self.shape.name,
            "prefix": self.shape.prefix,
            "sets": self.sets,
            "price": self.price,
            "price_at_most": self.price_at_most,
            "free_layers": [indices[at] for at in self.free.layers],
            "free_gain": self.free.gain,
        }


def admitted(sets: Sets, limit: Budget) -> Sets:
    """Those within a budget; of a number of layers, those of exactly that many."""
    if limit.cost is None:
        return tuple(chosen for chosen in sets if len(chosen) == limit.value)
    return tuple(filter(limit.admits, sets))


def best_of(sets: Sets, model: Predictor, limit: Budget, shape: Shape) -> Placement:
    """The best of all sets of a shape within a budget, each of them tried.

    Raises
    ------
    InputError
        None fits.
    """
    fitting = admitted(sets, limit)
    if not fitting:
        raise InputError(f"no set of shape {shape.name} fits {limit.text} of these layers")
    best = max(fitting, key=model.quadratic.gain)
    gain = model.quadratic.gain(best)
    statement = f"all {len(fitting)} sets of {shape.title} within the budget were tried"
    return Placement(best, gain, limit.spent(best), Guarantee(1.0, 1.0, gain, statement))

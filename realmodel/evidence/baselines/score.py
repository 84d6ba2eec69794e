"""A score: the value of any set of layers, and the set that it would choose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from realmodel.card.certified import best_of_size
from realmodel.evidence.baselines.context import Context, Need
from theory import BlockQuadratic, InputError, greedy


class Score(Protocol):
    """Higher is better; only the order of values means anything, unless ``predicts_gain``."""

    def value(self, layers: Sequence[int]) -> float:
        """Value of a set of layers."""
        ...

    def pick(self, size: int) -> tuple[int, ...]:
        """The set of ``size`` layers that the score chooses, ascending."""
        ...


@runtime_checkable
class Forecast(Score, Protocol):
    """A score in nats per completion token that knows how sure it is."""

    def interval(self, layers: Sequence[int]) -> tuple[float, float]:
        """Where four realised gains in five should lie."""
        ...


@dataclass(frozen=True)
class Baseline:
    """A named way to choose layers.

    Parameters
    ----------
    name, title : str
        Key and heading.
    source : str
        Where the formula was published, and what of it was read.
    need : str
        What it must have measured (see :data:`Need`).
    score : callable
        From a context to a score.
    predicts_gain : bool
        The values are gains in nats per completion token.
    """

    name: str
    title: str
    source: str
    need: Need
    score: Callable[[Context], Score]
    predicts_gain: bool = False


@dataclass(frozen=True)
class LayerScores:
    """One number per layer; a set is worth the sum, and the best set is the top ones.

    Below zero another layer would count against a set: rules that order layers by such numbers
    start at their worst layer (:meth:`from_worst`).

    Examples
    --------
    >>> scores = LayerScores({0: 1.0, 1: 3.0, 2: 2.0})
    >>> scores.value((0, 2)), scores.pick(2)
    (3.0, (1, 2))
    """

    values: Mapping[int, float]

    @classmethod
    def from_worst(cls, values: Mapping[int, float]) -> "LayerScores":
        """In the same order, with nothing for the worst layer.

        Examples
        --------
        >>> LayerScores.from_worst({0: -3.0, 1: -1.0}).values
        {0: 0.0, 1: 2.0}
        """
        worst = min(values.values())
        return cls({layer: value - worst for layer, value in values.items()})

    def value(self, layers: Sequence[int]) -> float:
        """Sum over the layers."""
        return float(sum(self.values[layer] for layer in layers))

    def pick(self, size: int) -> tuple[int, ...]:
        """The layers of largest score; ties go to the lower layer."""
        refuse_size(size, len(self.values))
        ranked = sorted(self.values, key=lambda layer: (-self.values[layer], layer))
        return tuple(sorted(ranked[:size]))


@dataclass(frozen=True)
class JointGain:
    """Gain of the set in a quadratic model; ``search`` is "greedy" or "exact".

    Parameters
    ----------
    quadratic : BlockQuadratic
        One block per entry of ``layers``.
    layers : tuple of int
        Layer of each block.
    search : str
        How the best set is looked for.

    Examples
    --------
    >>> import numpy as np
    >>> H = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> own = JointGain(BlockQuadratic(np.array([1.0, 1.0, 0.9]), H, (1, 1, 1)), (4, 5, 6), "exact")
    >>> own.pick(2), round(own.value((4, 6)), 3)
    ((4, 6), 0.905)
    """

    quadratic: BlockQuadratic
    layers: tuple[int, ...]
    search: str

    def value(self, layers: Sequence[int]) -> float:
        """Joint gain in nats per completion token."""
        return self.quadratic.gain([self.layers.index(layer) for layer in layers])

    def pick(self, size: int) -> tuple[int, ...]:
        """By :func:`theory.greedy`, or as ``place`` chooses."""
        refuse_size(size, len(self.layers))
        search = greedy if self.search == "greedy" else best_of_size
        return tuple(self.layers[block] for block in search(self.quadratic, size).layers)


def refuse_size(size: int, count: int) -> None:
    """Raise unless ``size`` layers can be chosen from ``count``."""
    if not 1 <= size <= count:
        raise InputError(f"cannot choose {size} of {count} layers")

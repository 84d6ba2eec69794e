"""Greedy on exact marginal gains (8a, 12f)."""

from collections.abc import Sequence

from realmodel.placement.rules.rule import Rule
from theory import BlockQuadratic
from theory.choice.greedy import greedy
from theory.choice.placement import Placement


def of_size(quadratic: BlockQuadratic, size: int, candidates: Sequence[int]) -> Placement:
    """Add the layer that gains most beside those chosen, ``size`` times."""
    return greedy(quadratic, size, candidates=candidates)


RULE = Rule("greedy", of_size)

"""The five published placement results that are known; only their order can be compared."""

from collections.abc import Mapping
from typing import Final

PUBLISHED: Final[Mapping[str, tuple[float, float, float]]] = {
    "random": (2.181, 1.960, 2.574),
    "uniform": (2.335, 2.263, 2.752),
    "first": (1.495, 1.655, 1.354),
    "middle": (2.408, 2.164, 2.856),
    "last": (2.012, 1.735, 2.617),
}
"""Random-4, Uniform-4, Bottom-4, Mid-4 and Top-4 on DART, E2E and WebNLG, from a secondary source
that does not name the metric."""

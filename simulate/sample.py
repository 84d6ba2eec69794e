"""Tokens drawn from a world, and the moments and quadratic that they estimate."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulate.moments import Moments
from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64


@dataclass(frozen=True)
class Sample:
    """Features and residuals of n tokens.

    Parameters
    ----------
    features : (n, p)
        One row for each token, layers side by side.
    residual : (n, m)
        What each output still lacks.
    sizes
        Number of features of each layer.

    Raises
    ------
    InputError
        If the shapes do not agree.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> sample = Sample(np.eye(2), np.array([[1.0], [2.0]]), (1, 1))
    >>> round(sample.quadratic.gain(), 12)  # two tokens, two features: 1/2 mean r^2 is explained
    1.25
    """

    features: Float64[Array, "n p"]
    residual: Float64[Array, "n m"]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.features) != len(self.residual) or self.features.shape[1] != sum(self.sizes):
            raise InputError(
                f"features {self.features.shape}, residual {self.residual.shape} and sizes "
                f"{self.sizes} do not belong together"
            )

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def moments(self) -> Moments:
        """Plug-in moments: means over the tokens."""
        h, n = self.features, len(self)
        return Moments(h.T @ h / n, self.residual.T @ h / n, self.sizes)

    @property
    def quadratic(self) -> BlockQuadratic:
        """Empirical quadratic of the mean loss over the tokens.

        Raises
        ------
        InputError
            With fewer tokens than features: the empirical curvature is then singular.
        """
        n, p = self.features.shape
        if n < p:
            raise InputError(
                f"{n} tokens cannot determine {p} features: draw at least {p}, or fewer layers"
            )
        return self.moments.quadratic

    def layer(self, index: int) -> "Sample":
        """The same tokens seen by one layer alone."""
        return Sample(
            self.features[:, self.moments.slices[index]], self.residual, (self.sizes[index],)
        )

    def split(self, groups: int) -> Iterator["Sample"]:
        """Cut into ``groups`` consecutive groups of tokens of (almost) equal size."""
        if not 1 <= groups <= len(self):
            raise InputError(f"groups is {groups}: give between 1 and {len(self)}")
        for rows in np.array_split(np.arange(len(self)), groups):
            yield Sample(self.features[rows], self.residual[rows], self.sizes)

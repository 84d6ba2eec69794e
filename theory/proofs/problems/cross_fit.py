"""Small populations of sequences, so that the mean over all samples is a finite sum."""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64, Int64, IntArray
from theory.hardness.cross_fit import cross_fitted_norm
from theory.hardness.residual_norm import projected_residual_norm
from theory.proofs.problems.quadratic import float64
from theory.proofs.theorem import Draw, Family
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class CrossFitProblems(Family):
    """``k`` populations of ``s`` equally likely sequences, and every sample of ``n`` of them.

    Attributes
    ----------
    gradients
        Of each sequence (k, s, m, d).
    moment
        ``Sigma`` (k, d, d), known.
    samples
        Equally likely samples (o, n), as indices into the population.
    """

    gradients: Float64[Array, "k s m d"]
    moment: Float64[Array, "k d d"]
    samples: Int64[IntArray, "o n"]

    @cached_property
    def estimates(self) -> Float64[Array, "k o"]:
        """The library's estimate from each sample."""
        counts = np.ones(self.samples.shape[1])
        return np.array(
            [
                [cross_fitted_norm(G[s], counts, Sigma).squared_norm for s in self.samples]
                for G, Sigma in zip(self.gradients, self.moment, strict=True)
            ]
        )

    @cached_property
    def residual_norm(self) -> Float64[Array, " k"]:
        """``Res`` of the population."""
        parts = zip(self.gradients.mean(axis=1), self.moment, strict=True)
        return np.array([projected_residual_norm(G, Sigma) for G, Sigma in parts])

    @cached_property
    def dependence(self) -> float:
        """Largest gap between the joint law of two entries of a sample and the product law."""
        size = self.gradients.shape[1]
        first, second = np.triu_indices(self.samples.shape[1], 1)
        pairs = size * self.samples[:, first] + self.samples[:, second]
        law = np.stack([np.bincount(p, minlength=size**2) for p in pairs.T]) / len(self.samples)
        return float(np.abs(law - 1 / size**2).max())

    @cached_property
    def tolerance(self) -> Float64[Array, " k"]:
        """``c eps condition``, relative to the estimates that are averaged."""
        values = np.linalg.eigvalsh(self.moment)
        spread = np.abs(self.estimates).max(axis=1) / self.residual_norm**2
        return float64(256 * values.shape[1] * EPS * values[:, -1] / values[:, 0] * (1 + spread))


def every_sample(population: int, draws: int) -> Int64[IntArray, "o n"]:
    """All equally likely outcomes of independent draws."""
    return np.array(list(itertools.product(range(population), repeat=draws)), dtype=np.int64)


def _draw(rng: np.random.Generator, count: int) -> CrossFitProblems:
    """Draw populations of two or three sequences, and samples of three."""
    m, d = (int(size) for size in rng.integers(1, 5, 2))
    population = int(rng.integers(2, 4))
    roots = rng.standard_normal((count, d, d)) + 2 * np.eye(d)
    common = rng.standard_normal((count, 1, m, d))
    own = rng.standard_normal((count, population, m, d)) * rng.uniform(0, 3, (count, 1, 1, 1))
    return CrossFitProblems(
        common + own, roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d), every_sample(population, 3)
    )


draw_cross_fit_problems = Draw("populations", _draw)

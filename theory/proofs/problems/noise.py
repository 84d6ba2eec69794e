"""Regressions whose noise runs through an orthogonal array, so that its mean is exact.

Statements about the mean over noise are checked without sampling: the columns of a Hadamard
matrix are sign vectors with exact zero mean and identity covariance over its rows, and everything
stated is quadratic in the noise, so that averaging over the rows *is* the expectation.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import hadamard

from theory.arrays import Array, Float64
from theory.hardness.residual_norm import projected_residual_norm
from theory.proofs.problems.quadratic import float64
from theory.proofs.theorem import Draw, Family
from theory.quadratic.positive_factor import EPS

OUTCOMES = 32
SIGNS: Array = hadamard(OUTCOMES, dtype=np.float64)[:, 1:]


@dataclass(frozen=True, eq=False)
class NoiseProblems(Family):
    """``k`` fixed designs with ``n`` samples, ``m`` outputs and noise of one variance.

    Attributes
    ----------
    features
        ``h`` (k, n, d).
    truth
        ``A*`` (k, m, d).
    deviation
        ``s`` (k,), standard deviation of the noise.
    signs
        (outcomes, n, m), noise in units of ``s``: equally likely outcomes.
    """

    features: Float64[Array, "k n d"]
    truth: Float64[Array, "k m d"]
    deviation: Float64[Array, " k"]
    signs: Float64[Array, "o n m"]

    @classmethod
    def independent(cls, features: Array, truth: Array, deviation: Array) -> "NoiseProblems":
        """Noise without correlation over samples and outputs."""
        n, m = features.shape[1], truth.shape[1]
        return cls(features, truth, deviation, SIGNS[:, : n * m].reshape(-1, n, m))

    @property
    def samples(self) -> int:
        """``n``."""
        return int(self.features.shape[1])

    @property
    def inputs(self) -> int:
        """``d``."""
        return int(self.features.shape[2])

    @cached_property
    def rank(self) -> Float64[Array, " k"]:
        """Of the design."""
        return float64(np.linalg.matrix_rank(self.features))

    @property
    def outputs(self) -> int:
        """``m``."""
        return int(self.truth.shape[1])

    @cached_property
    def moment(self) -> Float64[Array, "k d d"]:
        """``Sigma`` of the design."""
        return self.features.swapaxes(1, 2) @ self.features / self.samples

    @cached_property
    def noise(self) -> Float64[Array, "k o n m"]:
        """Every outcome of the noise."""
        return self.deviation[:, None, None, None] * self.signs

    @cached_property
    def errors(self) -> Float64[Array, "k o m d"]:
        """``A_hat - A*`` by least squares on the noisy targets, for each outcome."""
        targets = (self.features @ self.truth.swapaxes(1, 2))[:, None] + self.noise
        fitted = np.linalg.pinv(self.features)[:, None] @ targets
        return fitted.swapaxes(2, 3) - self.truth[:, None]

    @cached_property
    def parameter_error(self) -> Float64[Array, " k"]:
        """``E||A_hat - A*||_F^2``."""
        return float64(np.square(self.errors).sum(axis=(2, 3)).mean(axis=1))

    @cached_property
    def prediction_error(self) -> Float64[Array, " k"]:
        """``E||(A_hat - A*) h||^2`` over the samples of the design."""
        change = self.features[:, None] @ self.errors.swapaxes(2, 3)
        return float64(np.square(change).sum(axis=(2, 3)).mean(axis=1) / self.samples)

    @cached_property
    def plug_in(self) -> Float64[Array, " k"]:
        """``E[Res_hat^2]`` by the library when the residual is the noise alone."""
        C = self.noise.swapaxes(2, 3) @ self.features[:, None] / self.samples
        squares = [
            [projected_residual_norm(c, Sigma) ** 2 for c in outcomes]
            for outcomes, Sigma in zip(C, self.moment, strict=True)
        ]
        return float64(np.mean(squares, axis=1))

    @cached_property
    def covariance_gap(self) -> float:
        """How far the outcomes are from zero mean and identity covariance."""
        flat = self.signs.reshape(len(self.signs), -1)
        covariance = flat.T @ flat / len(flat)
        return float(
            max(np.abs(covariance - np.eye(len(covariance))).max(), np.abs(flat.mean(axis=0)).max())
        )

    @cached_property
    def tolerance(self) -> Float64[Array, " k"]:
        """``c eps condition``, plus what subtracting the truth leaves behind."""
        values = np.linalg.eigvalsh(self.moment)
        size = np.abs(self.truth).max(axis=(1, 2)) / self.deviation
        condition = values[:, -1] / values[:, 0]
        return float64(1024 * self.inputs * EPS * condition * (1 + size * np.sqrt(values[:, -1])))


def _draw(rng: np.random.Generator, count: int) -> NoiseProblems:
    """Draw designs of one random shape, condition numbers up to 1e4."""
    m, d = int(rng.integers(1, 3)), int(rng.integers(1, 5))
    n = int(rng.integers(d + 1, (OUTCOMES - 1) // m + 1))
    spread = 10 ** (rng.uniform(0, 2, (count, 1, 1)) * rng.uniform(-0.5, 0.5, (count, 1, d)))
    orthogonal = np.linalg.qr(rng.standard_normal((count, n, d)))[0] * spread * np.sqrt(n)
    rotation = np.linalg.qr(rng.standard_normal((count, d, d)))[0]
    return NoiseProblems.independent(
        orthogonal @ rotation,
        rng.standard_normal((count, m, d)),
        10 ** rng.uniform(-1, 1, count),
    )


draw_noise_problems = Draw("noisy designs", _draw)

"""Random linear-adapter problems in stacked arrays: features, residuals and an adapter to try."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.arrays import Array, Float64
from theory.hardness.linear_adapter import LinearAdapter
from theory.proofs.problems.quadratic import float64
from theory.proofs.theorem import Draw, Family
from theory.quadratic.positive_factor import EPS


@dataclass(frozen=True, eq=False)
class AdapterProblems(Family):
    """``k`` least-squares problems ``1/2 E||r - A h||^2`` over ``n`` samples each.

    Attributes
    ----------
    features, residuals
        ``h`` (k, n, d) and ``r`` (k, n, m).
    moment, gradient
        What the library is told: ``Sigma`` (k, d, d) and ``-C`` (k, m, d).
    trial
        Some adapter (k, m, d).
    rank, budget, steps, step_size
        Limits for 3c, 4b and 4c; ``budget`` and ``step_size`` have shape (k,).
    """

    features: Float64[Array, "k n d"]
    residuals: Float64[Array, "k n m"]
    moment: Float64[Array, "k d d"]
    gradient: Float64[Array, "k m d"]
    trial: Float64[Array, "k m d"]
    rank: int
    budget: Float64[Array, " k"]
    steps: int
    step_size: Float64[Array, " k"]

    @classmethod
    def from_samples(
        cls,
        features: Array,
        residuals: Array,
        *,
        trial: Array | None = None,
        moment: Array | None = None,
        gradient: Array | None = None,
        rank: int = 1,
        budget: Array | None = None,
        steps: int = 3,
        step_share: Array | float = 1.0,
    ) -> "AdapterProblems":
        """Moments from the samples unless given; the best adapter on trial unless given.

        ``step_share`` is the step size in units of ``1/lambda_max``.
        """
        k, n, _ = features.shape
        Sigma = features.swapaxes(1, 2) @ features / n if moment is None else moment
        G = -residuals.swapaxes(1, 2) @ features / n if gradient is None else gradient
        best = (np.linalg.pinv(features) @ residuals).swapaxes(1, 2)
        return cls(
            features,
            residuals,
            Sigma,
            G,
            best if trial is None else trial,
            rank,
            np.linalg.norm(best, axis=(1, 2)) if budget is None else budget,
            steps,
            step_share / np.linalg.eigvalsh(Sigma)[:, -1] * np.ones(k),
        )

    @cached_property
    def adapters(self) -> tuple[LinearAdapter, ...]:
        """The library's object for each problem."""
        return tuple(
            LinearAdapter.from_moments(G, Sigma)
            for G, Sigma in zip(self.gradient, self.moment, strict=True)
        )

    @cached_property
    def true_moment(self) -> Float64[Array, "k d d"]:
        """``E[h h']`` of the samples."""
        return float64(self.features.swapaxes(1, 2) @ self.features / self.features.shape[1])

    @cached_property
    def spectrum(self) -> Float64[Array, "k d"]:
        """Eigenvalues of the moment, ascending."""
        return float64(np.linalg.eigvalsh(self.moment))

    @cached_property
    def smallest_positive(self) -> Float64[Array, " k"]:
        """Smallest eigenvalue of the moment on its range."""
        lam = self.spectrum
        positive: Array = np.where(lam > 1e-13 * lam[:, -1:], lam, np.inf).min(axis=1)
        return positive

    @cached_property
    def slope(self) -> Float64[Array, " k"]:
        """``||C||_F``."""
        norms: Array = np.linalg.norm(self.gradient, axis=(1, 2))
        return norms

    @cached_property
    def residual_norm(self) -> Float64[Array, " k"]:
        """``Res`` by the library."""
        return np.array([adapter.residual_norm() for adapter in self.adapters])

    @cached_property
    def least_squares(self) -> Float64[Array, "k m d"]:
        """Best adapter by an orthogonal decomposition of the samples, no moments."""
        return (np.linalg.pinv(self.features) @ self.residuals).swapaxes(1, 2)

    def decrease(self, A: Array) -> Float64[Array, " k"]:
        """How far the loss over the samples falls when ``A`` is added."""
        n = self.features.shape[1]
        change = self.features @ A.swapaxes(1, 2)
        cross = np.sum(self.residuals * change, axis=(1, 2))
        fall: Array = (cross - 0.5 * np.sum(change**2, axis=(1, 2))) / n
        return fall

    @cached_property
    def tolerance(self) -> Float64[Array, " k"]:
        """``c eps condition``, on the range of the moment."""
        d = self.spectrum.shape[1]
        return float64(256 * d * EPS * self.spectrum[:, -1] / self.smallest_positive)


def _draw(rng: np.random.Generator, count: int) -> AdapterProblems:
    """Draw problems of one random shape, condition numbers of ``Sigma`` from 1 to 1e6."""
    d, m = (int(size) for size in rng.integers(1, 7, 2))
    n = int(rng.integers(2 * d + 1, 4 * d + 4))
    orthogonal = np.linalg.qr(rng.standard_normal((count, n, d)))[0]
    spread = 10 ** (rng.uniform(0, 3, (count, 1)) * rng.uniform(-0.5, 0.5, (count, d)))
    rotation = np.linalg.qr(rng.standard_normal((count, d, d)))[0]
    features = (orthogonal * spread[:, None]) @ rotation * np.sqrt(n)
    scale = 10 ** rng.uniform(-2, 2, (count, 1, 1))
    truth = rng.standard_normal((count, m, d))
    noise = rng.standard_normal((count, n, m)) * rng.uniform(0, 2, (count, 1, 1))
    residuals = scale * (features @ truth.swapaxes(1, 2) + noise)
    rank = int(rng.integers(1, min(m, d) + 1))
    left, right = rng.standard_normal((count, m, rank)), rng.standard_normal((count, rank, d))
    best = (np.linalg.pinv(features) @ residuals).swapaxes(1, 2)
    norm = np.linalg.norm(best, axis=(1, 2))
    trial = left @ right
    # Half of the trials are truncations of the best adapter, so that some come close.
    U, s, Vt = np.linalg.svd(best, full_matrices=False)
    close = (U[:, :, :rank] * s[:, None, :rank]) @ Vt[:, :rank]
    trial = np.where((np.arange(count) % 2 == 0)[:, None, None], close, trial)
    most = 2 / (1 + (spread.min(axis=1) / spread.max(axis=1)) ** 2)
    budget = norm * 10 ** rng.uniform(-2, 0.5, count)
    trial *= np.minimum(1.0, budget / np.linalg.norm(trial, axis=(1, 2)))[:, None, None]
    return AdapterProblems.from_samples(
        features,
        residuals,
        trial=trial,
        rank=rank,
        budget=budget,
        steps=int(rng.integers(1, 50)),
        step_share=rng.uniform(0.01, 1.0, count) * most,
    )


draw_adapter_problems = Draw("adapters", _draw)

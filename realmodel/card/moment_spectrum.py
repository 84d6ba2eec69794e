"""What the card says about a second moment's eigenvalues, without all of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import LinAlgError, cho_solve, cholesky
from scipy.sparse.linalg import LinearOperator, eigsh

from realmodel.measure.trace_sketch import leading_range, trace_sketch
from realmodel.measure.whitener import Whitener
from theory.arrays import Array, Float64

DENSE_UP_TO = 256
"""Width up to which all eigenvalues are computed; above, Lanczos finds the two ends."""

INVERTED_UP_TO = 2048
"""Width up to which the trace of the inverse is taken from all of it."""

TOLERANCE = 1e-4
"""Relative residual asked of Lanczos; an eigenvalue that stands apart errs by its square."""


@dataclass(frozen=True)
class MomentSpectrum:
    """Of one second moment, or of the block-diagonal union of several.

    Attributes
    ----------
    energy : float
        ``tr Sigma = E||h||^2``.
    square : float
        ``||Sigma||_F^2``, the sum of the squared eigenvalues.
    smallest, largest : float
        Extreme eigenvalues; the smallest is zero where it is within the rounding noise.
    noise_amplification : float
        ``tr (Sigma + ridge I)^{-1}`` (4a).

    Examples
    --------
    >>> Sigma = np.diag([4.0, 1.0])
    >>> one = MomentSpectrum.of(Sigma, Whitener.of(Sigma, 0.0))
    >>> one.energy, one.condition_number, one.noise_amplification, round(one.effective_rank, 4)
    (5.0, 4.0, 1.25, 1.4706)
    """

    energy: float
    square: float
    smallest: float
    largest: float
    noise_amplification: float

    @classmethod
    def of(cls, moment: Float64[Array, "d d"], whitener: Whitener) -> "MomentSpectrum":
        """Of ``Sigma``, with its ridge in ``whitener``.

        Above a width of 2,048 ``noise_amplification`` is that of a sketch, 0.5% off at most (one
        standard deviation).
        """
        smallest, largest = extreme_eigenvalues(moment)
        d, columns = len(moment), torch.eye(len(moment), dtype=whitener.root.dtype)
        if d > INVERTED_UP_TO:
            single = whitener.like(torch.empty(0))
            basis = leading_range(single.whiten, single.unwhiten, d, single.root)
            whitener, columns = single, trace_sketch(basis)
        return cls(
            energy=float(np.trace(moment)),
            square=float(np.vdot(moment, moment)),
            smallest=smallest,
            largest=largest,
            noise_amplification=float(whitener.unwhiten(columns).double().square().sum()),
        )

    @classmethod
    def union(cls, spectra: Iterable["MomentSpectrum"]) -> "MomentSpectrum":
        """Of a block-diagonal moment."""
        own = tuple(spectra)
        return cls(
            energy=sum(one.energy for one in own),
            square=sum(one.square for one in own),
            smallest=min(one.smallest for one in own),
            largest=max(one.largest for one in own),
            noise_amplification=sum(one.noise_amplification for one in own),
        )

    @property
    def effective_rank(self) -> float:
        """``(sum lambda)^2 / sum lambda^2``, from 1 (one direction) to d (all alike)."""
        return self.energy**2 / self.square if self.square > 0 else 0.0

    @property
    def condition_number(self) -> float | None:
        """``lambda_max / lambda_min``; None where the moment is singular."""
        return self.largest / self.smallest if self.smallest > 0 else None


def extreme_eigenvalues(moment: Float64[Array, "d d"]) -> tuple[float, float]:
    """``(lambda_min, lambda_max)`` of a second moment.

    The largest by Lanczos; the smallest by Lanczos on the inverse, two triangular solves a step,
    because that end of an activation spectrum is crowded. A factorisation costs ``d^3/3``
    multiplications, less than the sum over tokens behind the moment; all eigenvalues cost some
    ``25 d^3``.

    Examples
    --------
    >>> extreme_eigenvalues(np.diag([4.0, 1.0])), extreme_eigenvalues(np.diag([4.0, 0.0]))
    ((1.0, 4.0), (0.0, 4.0))
    """
    d = len(moment)
    floor = d * np.finfo(float).eps
    if d <= DENSE_UP_TO:
        values = np.linalg.eigvalsh(moment)
        low, high = float(values[0]), float(values[-1])
        # A negative eigenvalue shows how far rounding has moved the others.
        return (low if low > max(floor * high, -2 * low) else 0.0), max(high, 0.0)
    start = np.random.default_rng(0).standard_normal(d)
    high = _largest(LinearOperator((d, d), matvec=lambda v: moment @ v, dtype=float), start)
    try:
        upper = cholesky(moment, check_finite=False)
    except LinAlgError:
        return 0.0, high

    def solve(v: Array) -> Array:
        return np.asarray(cho_solve((upper, False), v, check_finite=False))

    low = 1 / _largest(LinearOperator((d, d), matvec=solve, dtype=float), start)
    return (low if low > floor * high else 0.0), high


def _largest(operator: LinearOperator, start: Array) -> float:
    (value,) = eigsh(operator, k=1, which="LA", v0=start, tol=TOLERANCE, return_eigenvectors=False)
    return float(value)

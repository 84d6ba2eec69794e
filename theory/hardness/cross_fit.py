"""The squared residual norm without the plug-in bias, with an error bar (3e)."""

from dataclasses import dataclass

import numpy as np

from theory.arrays import Array
from theory.errors import InputError
from theory.hardness.linear_adapter import LinearAdapter
from theory.hardness.spectrum import Spectrum
from theory.jackknife import jackknife_error

Scalars = Array | float


def estimand(residual_norm: Scalars) -> Scalars:
    """3e: the mean of the cross-fitted estimate is ``Res^2`` itself."""
    return residual_norm**2


@dataclass(frozen=True)
class CrossFit:
    """Two estimates of ``Res^2`` from the same sequences.

    Parameters
    ----------
    squared_norm : float
        Average of ``<C_s Sigma^{-1/2}, C_t Sigma^{-1/2}>`` over pairs of different sequences.
        It may be negative when ``Res`` is within the noise.
    standard_error : float
        Of ``squared_norm``, by the jackknife over sequences (``Sigma`` held fixed).
    plug_in : float
        ``||C Sigma^{-1/2}||^2``, biased upwards by the noise of ``C``.
    sequences : int
        Number of independent units.
    ridge : float
        Used in every inverse.
    reason : str or None
        Why a pseudo-inverse is in use; None when it is not.
    """

    squared_norm: float
    standard_error: float
    plug_in: float
    sequences: int
    ridge: float
    reason: str | None


def cross_fitted_norm(
    gradient_sums: Array,
    counts: Array,
    second_moment: Array,
    output_moment: Array | None = None,
    *,
    ridge: float | int = 0.0,
    output_ridge: float | int = 0.0,
) -> CrossFit:
    """Estimate ``Res^2`` from the gradients of separate sequences.

    A product of gradients of two different sequences has no noise term in its mean, so the
    average over all such pairs is unbiased in ``C``; it is the mean over all ways to split the
    sequences into two halves. Tokens of one sequence are dependent: sum them first.

    Parameters
    ----------
    gradient_sums : (n, m, d) array
        Gradient summed over the tokens of each sequence, or of each of n groups of sequences.
    counts : (n,) array
        Tokens in each.
    second_moment, output_moment
        ``Sigma`` and ``Gamma`` over all sequences.
    ridge, output_ridge : float
        Added to their diagonals.

    Raises
    ------
    InputError
        Fewer than three sequences, a count that is not positive, or what
        :class:`theory.LinearAdapter` refuses.

    Notes
    -----
    Provenance: extension. Exactly unbiased when ``Sigma`` is known. With ``Sigma`` from the same
    samples it stays unbiased at ``C = 0`` if the residual has mean zero given the features,
    ``E[r | h] = 0`` (``C = 0`` alone is not enough); elsewhere a relative bias of order d/n
    remains. The jackknife variance is conservative (Efron & Stein 1981): where ``C = 0`` the error
    bar is about sqrt(2) too wide.

    Examples
    --------
    Three sequences that agree have no noise to remove:

    >>> same = np.ones((3, 1, 1))
    >>> fit = cross_fitted_norm(same, np.ones(3), np.array([[4.0]]))
    >>> fit.squared_norm, fit.standard_error, fit.plug_in
    (0.25, 0.0, 0.25)
    """
    gradient_sums = np.asarray(gradient_sums, dtype=np.float64)
    counts = np.asarray(counts, dtype=np.float64)
    if gradient_sums.ndim != 3 or counts.shape != gradient_sums.shape[:1]:
        raise InputError(
            f"give gradients (sequences, outputs, inputs) and one token count per sequence, got "
            f"shapes {gradient_sums.shape} and {counts.shape}"
        )
    n, m, d = gradient_sums.shape
    if n < 3:
        raise InputError(f"the jackknife needs at least 3 sequences, got {n}")
    if not (np.isfinite(counts).all() and (counts > 0).all()):
        raise InputError(f"every sequence needs a positive token count, got {counts.min()}")
    N = float(counts.sum())
    whole = LinearAdapter(
        gradient_sums.sum(axis=0) / N,
        Spectrum.from_moment(second_moment, ridge),
        None
        if output_moment is None
        else Spectrum.from_moment(output_moment, output_ridge, "output_moment"),
    )
    # Every later number is a function of the Gram matrix of the whitened gradients.
    white = gradient_sums @ (whole.inputs.eigenvectors * np.sqrt(whole.inputs.inverse))
    if whole.outputs is not None:
        white = (np.sqrt(whole.outputs.inverse)[:, None] * whole.outputs.eigenvectors.T) @ white
    gram = (flat := white.reshape(n, m * d)) @ flat.T
    own = np.diag(gram)
    pairs = float(gram.sum() - own.sum())
    weight = N**2 - float(np.sum(counts**2))
    left_out = (pairs - 2 * (gram.sum(axis=1) - own)) / (weight - 2 * counts * (N - counts))
    return CrossFit(
        squared_norm=pairs / weight,
        standard_error=float(jackknife_error(left_out)),
        plug_in=whole.residual_norm() ** 2,
        sequences=n,
        ridge=float(ridge),
        reason=whole.reason,
    )

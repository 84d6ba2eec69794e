"""Eigenvalues of a second moment: what one symmetric matrix says about its layer (section 4)."""

from dataclasses import dataclass

import numpy as np

from theory.arrays import Array, Float64
from theory.errors import InputError

ASYMMETRY = 1e-8
INDEFINITE = 1e-6


@dataclass(frozen=True)
class Spectrum:
    """Eigenpairs of a second moment ``Sigma = E[h h']`` (uncentred), with its ridge.

    Build it with :meth:`from_moment`, which validates and decides which eigenvalues are zero.

    Parameters
    ----------
    eigenvalues : (d,) array
        Of ``Sigma`` without the ridge, ascending; the null ones are exactly zero.
    eigenvectors : (d, d) array
        In columns, in the same order.
    ridge : float
        ``lam`` of ``Sigma + lam I``: what every inverse below uses.
    reason : str or None
        Why a pseudo-inverse stands in for the inverse; None when it does not.

    Notes
    -----
    Provenance: reconstruction of Proposition 4.1, whose ``E_act`` is not in the readable text;
    here ``E_act = tr Sigma = E ||h||^2``. The trace does not bound the conditioning from above
    (4d): read it with :attr:`smallest`, :attr:`effective_rank` and :attr:`condition_number`.

    Examples
    --------
    >>> spectrum = Spectrum.from_moment(np.diag([4.0, 1.0]))
    >>> spectrum.energy, spectrum.condition_number, spectrum.noise_amplification
    (5.0, 4.0, 1.25)
    >>> round(spectrum.effective_rank, 6) == round(5.0**2 / (4.0**2 + 1.0**2), 6)
    True
    """

    eigenvalues: Float64[Array, " d"]
    eigenvectors: Float64[Array, "d d"]
    ridge: float = 0.0
    reason: str | None = None

    @classmethod
    def from_moment(
        cls,
        second_moment: Array,
        ridge: float | int = 0.0,
        name: str = "second_moment",
    ) -> "Spectrum":
        """Diagonalise a second moment; eigenvalues within its rounding noise count as zero.

        Raises
        ------
        InputError
            ``second_moment`` is empty, not finite, not symmetric or has a negative eigenvalue;
            ``ridge`` is negative or not finite.
        """
        if not (np.isfinite(ridge) and ridge >= 0):
            raise InputError(f"ridge must be finite and at least 0, got {ridge}")
        Sigma = np.asarray(second_moment, dtype=np.float64)
        if Sigma.ndim != 2 or Sigma.shape[0] != Sigma.shape[1] or Sigma.size == 0:
            raise InputError(f"{name} must be square and not empty, got shape {Sigma.shape}")
        if not np.isfinite(Sigma).all():
            raise InputError(f"{name} holds NaN or inf: drop those samples before averaging")
        d, scale = len(Sigma), float(np.abs(Sigma).max())
        asymmetry = float(np.abs(Sigma - Sigma.T).max())
        if asymmetry > ASYMMETRY * scale:
            raise InputError(
                f"{name} is not symmetric: entries differ by {asymmetry:.3g} from the transpose"
            )
        lam, V = np.linalg.eigh((Sigma + Sigma.T) / 2)
        if lam[0] < -INDEFINITE * scale:
            raise InputError(
                f"{name} has the negative eigenvalue {lam[0]:.6g}: a second moment has none"
            )
        # A negative eigenvalue shows how far rounding in the averages has moved the others.
        cutoff = max(d * np.finfo(np.float64).eps * lam[-1], -2.0 * lam[0])
        null = lam <= cutoff
        reason = None
        if null.any() and ridge == 0:
            reason = (
                f"{name} is singular: {int(null.sum())} of {d} eigenvalues are at most "
                f"{cutoff:.3g}; the pseudo-inverse is used"
            )
        return cls(np.where(null, 0.0, lam), V, float(ridge), reason)

    @property
    def regularised(self) -> Float64[Array, " d"]:
        """Eigenvalues of ``Sigma + ridge I``."""
        return self.eigenvalues + self.ridge

    @property
    def inverse(self) -> Float64[Array, " d"]:
        """Eigenvalues of the (pseudo-)inverse of ``Sigma + ridge I``."""
        lam = self.regularised
        return np.divide(1.0, lam, out=np.zeros_like(lam), where=lam > 0)

    @property
    def rank(self) -> int:
        """Number of eigenvalues of ``Sigma`` that are not zero."""
        return int(np.count_nonzero(self.eigenvalues))

    @property
    def energy(self) -> float:
        """Activation energy ``E_act = tr Sigma = E ||h||^2``."""
        return float(self.eigenvalues.sum())

    @property
    def smallest(self) -> float:
        """``lambda_min(Sigma)``, zero when ``Sigma`` is singular."""
        return float(self.eigenvalues[0])

    @property
    def largest(self) -> float:
        """``lambda_max(Sigma)``."""
        return float(self.eigenvalues[-1])

    @property
    def condition_number(self) -> float:
        """``lambda_max / lambda_min`` of ``Sigma``; infinite when ``Sigma`` is singular."""
        return self.largest / self.smallest if self.smallest > 0 else float("inf")

    @property
    def effective_rank(self) -> float:
        """``(sum lambda)^2 / sum lambda^2``, from 1 (one direction) to d (all alike)."""
        squares = float(np.square(self.eigenvalues / (self.largest or 1.0)).sum())
        return (self.energy / self.largest) ** 2 / squares if self.largest > 0 else 0.0

    @property
    def noise_amplification(self) -> float:
        """``tr (Sigma + ridge I)^+``: parameter error per unit of noise variance (4a)."""
        return float(self.inverse.sum())

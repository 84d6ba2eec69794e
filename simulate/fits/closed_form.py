"""Least squares over a set of layers, solved."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from simulate.fits.fit import Fit
from simulate.moments import Moments
from theory import InputError


def closed_form(
    moments: Moments, layers: tuple[int, ...] | None = None, *, ridge: float = 0.0
) -> Fit:
    """Best adapter A_S = C_S (Sigma_SS + ridge I)^{-1} of the tuned layers.

    Parameters
    ----------
    moments
        Population or plug-in moments.
    layers
        Tuned layers S; all when None.
    ridge
        Added to the diagonal of the second moment, in its units.

    Raises
    ------
    InputError
        For a bad selection, a negative ridge, or a singular second moment without a ridge.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> moments = Moments(np.diag([1.0, 4.0]), np.array([[3.0, 4.0]]), (1, 1))
    >>> closed_form(moments, (1,)).adapter.tolist(), closed_form(moments, (1,)).gain
    ([[0.0, 1.0]], 2.0)
    """
    if not 0.0 <= ridge < np.inf:
        raise InputError(f"ridge is {ridge}: give a finite number, 0 or more")
    at = moments.features(layers)
    sigma = moments.second_moment[np.ix_(at, at)] + ridge * np.eye(len(at))
    try:
        factor = cho_factor(sigma, lower=True)
    except np.linalg.LinAlgError:
        raise InputError(
            f"the second moment of layers {layers} is singular: draw more tokens or give a ridge"
        ) from None
    adapter = np.zeros_like(moments.cross_moment)
    adapter[:, at] = cho_solve(factor, moments.cross_moment[:, at].T).T
    chosen = tuple(range(moments.layers)) if layers is None else layers
    return Fit(adapter, chosen, moments.reduction(adapter))

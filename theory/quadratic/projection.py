"""The part of a residual that tangent features can see (sections 0 and 7)."""

import numpy as np

from theory.arrays import Array, Float64


def projected_gain(features: Float64[Array, "... n p"], residual: Float64[Array, "... n"]) -> Array:
    """``||P r||^2 / 2``, ``P`` the projection on the span of the columns of ``features``.

    The gain of least squares on these features, which may be the tangent features of a nonlinear
    adapter; ``||P r||`` is then its residual norm. The columns must be independent.

    Examples
    --------
    >>> J = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    >>> round(float(projected_gain(J, np.array([3.0, 4.0, 5.0]))), 12)      # (9 + 16) / 2
    12.5
    """
    r = np.asarray(residual, dtype=np.float64)
    seen = (np.linalg.qr(features)[0].swapaxes(-1, -2) @ r[..., None])[..., 0]
    return np.asarray(0.5 * (seen**2).sum(axis=-1), dtype=np.float64)


def principal_cosine(left: Float64[Array, "... n p"], right: Float64[Array, "... n q"]) -> Array:
    """Cosine of the smallest principal angle between the spans of two sets of columns.

    Examples
    --------
    >>> diagonal = principal_cosine(np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]]))
    >>> bool(np.isclose(diagonal, np.sqrt(0.5)))
    True
    """
    cosines = np.linalg.qr(left)[0].swapaxes(-1, -2) @ np.linalg.qr(right)[0]
    return np.asarray(np.linalg.norm(cosines, 2, axis=(-2, -1)), dtype=np.float64)

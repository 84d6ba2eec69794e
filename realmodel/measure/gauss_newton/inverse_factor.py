"""A factor of the inverse of a second moment: what whitens a gradient and maps a step back."""

import numpy as np
from scipy.linalg import LinAlgError, cholesky
from scipy.linalg.lapack import dtrtri

from theory.arrays import Array


def inverse_factor(moment: Array, ridge: float) -> Array:
    """``F`` with ``F' (A + ridge tr(A)/n I) F = I``, on the range of A where it is singular.

    By Cholesky, a small fraction of an eigendecomposition's cost at width 12,288; the
    eigendecomposition is used where the matrix is singular to working precision.

    Examples
    --------
    >>> A = np.array([[4.0, 2.0], [2.0, 3.0]])
    >>> F = inverse_factor(A, 0.0)
    >>> np.allclose(F.T @ A @ F, np.eye(2)), np.allclose(F @ F.T, np.linalg.inv(A))
    (True, True)
    >>> F = inverse_factor(np.diag([4.0, 0.0]), 0.0)
    >>> (F @ F.T).tolist()
    [[0.25, 0.0], [0.0, 0.0]]
    """
    n = len(moment)
    shifted = moment + ridge * np.trace(moment) / n * np.eye(n)
    floor = n * np.finfo(float).eps
    try:
        upper = cholesky(shifted)
        if np.diag(upper).min() ** 2 > floor * np.diag(shifted).max():
            inverse, _ = dtrtri(upper)
            return np.asarray(inverse)
    except LinAlgError:
        pass
    values, vectors = np.linalg.eigh(shifted)
    kept = values > floor * values.max()
    scale = np.divide(1.0, np.sqrt(np.abs(values)), out=np.zeros_like(values), where=kept)
    return np.asarray(vectors * scale)

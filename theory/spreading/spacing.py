"""The exact gain of evenly decaying, redundant layers and its best spacing (6c)."""

from collections.abc import Sequence

import numpy as np

from theory.arrays import Array, Float64
from theory.errors import InputError

Scalars = Array | float


def gap_gain(gaps: Float64[Array, "... gaps"], decay: Scalars) -> Array:
    """6c: ``G = (1 + sum_i tanh(d_i ln(1/a) / 2)) / 2`` from the gaps ``d_i``, ``a = decay``."""
    rate = np.asarray(-np.log(decay), dtype=np.float64)[..., None]
    return np.asarray(0.5 * (1 + np.tanh(gaps * rate / 2).sum(axis=-1)), dtype=np.float64)


def even_gain(span: Scalars, gaps: int, decay: Scalars) -> Array:
    """6c: the best gain of ``gaps + 1`` layers over ``span``: every gap equal."""
    rate = -np.log(decay)
    return np.asarray(0.5 * (1 + gaps * np.tanh(span / gaps * rate / 2)), dtype=np.float64)


def spaced_gain(positions: Sequence[float] | Sequence[int] | Array, decay: float) -> float:
    """Gain of scalar layers with ``u = 1`` and ``M_ij = decay^|p_i - p_j|``.

    Parameters
    ----------
    positions
        Distinct positions, in any order.
    decay
        ``a``, above 0 and below 1.

    Raises
    ------
    InputError
        No position, two equal ones, or ``decay`` out of range.

    Notes
    -----
    Provenance: extension. ``tanh`` is increasing and concave, so widening a gap helps and, at a
    given span, equal gaps are the best.

    Examples
    --------
    >>> M = 0.5 ** np.abs(np.subtract.outer([0, 1, 3], [0, 1, 3]))
    >>> bool(np.isclose(spaced_gain([0, 1, 3], 0.5), np.linalg.inv(M).sum() / 2))
    True
    """
    ordered = np.sort(np.asarray(positions, dtype=np.float64))
    gaps = np.diff(ordered)
    if ordered.ndim != 1 or not len(ordered) or not np.isfinite(ordered).all() or (gaps == 0).any():
        raise InputError(f"positions must be distinct numbers, at least one, not {positions!r}")
    if not 0 < decay < 1:
        raise InputError(f"decay must lie above 0 and below 1, not {decay!r}")
    return float(gap_gain(gaps, decay))

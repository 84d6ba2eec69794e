"""Named patterns of coupling between layers: who interferes with whom, and with which sign."""

from collections.abc import Callable, Mapping

import numpy as np

from theory import InputError
from theory.arrays import Array, Float64


def _distance(layers: int) -> Array:
    position = np.arange(layers, dtype=np.float64)
    return np.abs(position[:, None] - position[None, :])


def _independent(layers: int, reach: float) -> Array:
    return np.zeros((layers, layers))


def _redundant(layers: int, reach: float) -> Array:
    return np.ones((layers, layers))


def _synergistic(layers: int, reach: float) -> Array:
    return -np.ones((layers, layers))


def _banded(layers: int, reach: float) -> Array:
    return np.maximum(0.0, 1.0 - _distance(layers) / (reach + 1.0))


def _exponential(layers: int, reach: float) -> Array:
    return np.exp(-_distance(layers) / reach)


PATTERNS: Mapping[str, Callable[[int, float], Array]] = {
    "independent": _independent,
    "redundant": _redundant,
    "synergistic": _synergistic,
    "banded": _banded,
    "exponential": _exponential,
}


def coupling_pattern(
    name: str, layers: int, *, reach: float = 3.0, sign: int = 1
) -> Float64[Array, "L L"]:
    """Symmetric layer-by-layer pattern with a zero diagonal and spectral norm 1.

    A world scales it by a coupling strength, which is then exactly rho. A positive entry is
    redundant for two layers whose targets have the same sign (they pull at the same part of the
    residual), a negative one synergistic.

    Parameters
    ----------
    name
        ``independent``, ``redundant`` (every pair alike, positive), ``synergistic`` (every pair
        alike, negative), ``banded`` (falls linearly to zero beyond ``reach`` layers) or
        ``exponential`` (falls as exp(-distance / reach)). The pattern of a saved card is read by
        :func:`simulate.measured.read_measured`.
    layers
        Number of layers L.
    reach
        How far coupling extends in depth, in layers; ``banded`` and ``exponential`` only.
    sign
        1, or -1 to flip every entry.

    Raises
    ------
    InputError
        For an unknown name, fewer than 1 layer, a reach that is not positive, or another sign.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> np.linalg.eigvalsh(coupling_pattern("redundant", 5)).round(2).tolist()
    [-0.25, -0.25, -0.25, -0.25, 1.0]
    """
    if name not in PATTERNS:
        raise InputError(
            f"coupling {name!r} is unknown: choose one of {', '.join(PATTERNS)}, or 'measured'"
        )
    if layers < 1:
        raise InputError(f"layers is {layers}: a world needs at least one layer")
    if not 0.0 < reach < np.inf:
        raise InputError(f"reach is {reach}: give a positive number of layers")
    if sign not in (1, -1):
        raise InputError(f"sign is {sign}: give 1 or -1")
    pattern = sign * PATTERNS[name](layers, reach)
    np.fill_diagonal(pattern, 0.0)
    norm = np.linalg.norm(pattern, 2)
    return pattern / norm if norm > 0.0 else pattern

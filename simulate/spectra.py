"""Named eigenvalue spectra of a layer's second moment, all with the same activation energy."""

from collections.abc import Callable, Mapping

import numpy as np

from simulate.palette import BLUE, GREEN, PURPLE, VERMILION
from theory import InputError
from theory.arrays import Array, Float64


def _flat(dimension: int, condition: float) -> Array:
    return np.ones(dimension)


def _power(dimension: int, condition: float) -> Array:
    if dimension == 1:
        return np.ones(1)
    exponent = np.log(condition) / np.log(dimension)
    return np.arange(1.0, dimension + 1.0) ** -exponent


def _spiked(dimension: int, condition: float) -> Array:
    values = np.ones(dimension)
    values[0] = condition if dimension > 1 else 1.0
    return values


def _step(dimension: int, condition: float) -> Array:
    values = np.ones(dimension)
    values[: dimension // 2] = condition
    return values


SPECTRA: Mapping[str, Callable[[int, float], Array]] = {
    "flat": _flat,
    "power": _power,
    "spiked": _spiked,
    "step": _step,
}

MARKS = {
    "flat": (BLUE, "o"),
    "power": (VERMILION, "s"),
    "spiked": (GREEN, "^"),
    "step": (PURPLE, "D"),
}
"""Colour and marker of each, in every figure."""


def spectrum(name: str, dimension: int, *, condition: float = 100.0) -> Float64[Array, " d"]:
    """Eigenvalues of a named spectrum, largest first, scaled to a mean of 1.

    The scaling gives every spectrum the activation energy E_act = tr Sigma = d, so that what
    differs between two spectra is their shape alone.

    Parameters
    ----------
    name
        ``flat`` (all equal), ``power`` (i^-a), ``spiked`` (one large eigenvalue) or ``step``
        (the first half large, the second half small).
    dimension
        Number of eigenvalues d.
    condition
        Largest over smallest eigenvalue, at least 1; without effect on ``flat``.

    Raises
    ------
    InputError
        For an unknown name, a dimension below 1 or a condition number below 1.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> values = spectrum("power", 4, condition=16.0)
    >>> float((values[0] / values[-1]).round(9)), float(values.sum().round(9))
    (16.0, 4.0)
    """
    if name not in SPECTRA:
        raise InputError(f"spectrum {name!r} is unknown: choose one of {', '.join(SPECTRA)}")
    if dimension < 1:
        raise InputError(f"dimension is {dimension}: a layer needs at least one direction")
    if not 1.0 <= condition < np.inf:
        raise InputError(f"condition is {condition}: give a finite condition number of at least 1")
    values = SPECTRA[name](dimension, condition)
    return values * (dimension / values.sum())

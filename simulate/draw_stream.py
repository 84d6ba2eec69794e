"""Random residual streams, from directions that are random to directions aimed at the residual."""

import numpy as np
from numpy.random import Generator

from simulate.residual_stream import ResidualStream, prefix_maps, suffix_maps
from theory import InputError
from theory.arrays import Array


def residual_stream(
    rng: Generator,
    *,
    layers: int = 12,
    width: int = 16,
    directions: int = 2,
    scale: float = 1.0,
    aim: float = 0.0,
    target_scale: float = 0.3,
) -> ResidualStream:
    """Draw a residual stream with Gaussian weights and isotropic input.

    Parameters
    ----------
    rng
        Source of weights, directions and target.
    layers, width, directions
        Depth L, width w (also the number of outputs), adapter directions k of each layer.
    scale
        The frozen weights have standard deviation scale / sqrt(w L): with it the whole depth
        transforms the stream by an amount that does not depend on L.
    aim
        Cosine, in [0, 1), between each direction and the best one of its layer taken alone
        (theory section 3d), the rest being random. At 0 directions are random; towards 1 every
        layer would make the same change, and coupling grows to that of L copies of one layer.
    target_scale
        T = F(0) + target_scale times a Gaussian map: how far the task is from the model.

    Raises
    ------
    InputError
        For sizes below 1, negative or infinite scales, an aim outside [0, 1), or more directions
        than the width.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> stream = residual_stream(np.random.default_rng(0), layers=4, width=8)
    >>> stream.gauss_newton.sizes
    (2, 2, 2, 2)
    """
    if min(layers, width, directions) < 1 or directions > width:
        raise InputError(
            f"layers {layers}, width {width}, directions {directions}: each must be at least 1, "
            "and the directions at most the width"
        )
    if not (0.0 <= scale < np.inf and 0.0 <= target_scale < np.inf):
        raise InputError(f"scale {scale} and target_scale {target_scale} must be finite, 0 or more")
    if not 0.0 <= aim < 1.0:
        raise InputError(f"aim is {aim}: give a cosine from 0 to below 1")
    weights = scale / np.sqrt(width * layers) * rng.standard_normal((layers, width, width))
    shift = target_scale / np.sqrt(width) * rng.standard_normal((width, width))
    prefix, suffix = prefix_maps(weights), suffix_maps(weights, np.eye(width))
    # In whitened coordinates a layer's gradient is the shift itself, so its best directions are
    # the singular vectors of the shift, seen through the maps before and after the layer.
    U, _, Vt = np.linalg.svd(shift)
    reads = _aimed(Vt[:directions], aim, rng, layers)
    writes = _aimed(U.T[:directions], aim, rng, layers)
    receivers = _solve_rows(prefix[:-1].swapaxes(1, 2), reads)
    senders = _solve_rows(suffix[1:], writes)
    identity = np.eye(width)
    return ResidualStream(weights, receivers, senders, identity, identity, suffix[0] + shift)


def _aimed(best: Array, aim: float, rng: Generator, layers: int) -> Array:
    """Unit vectors at a cosine of about ``aim`` to ``best``, afresh in every layer: (L, k, w)."""
    z = rng.standard_normal((layers, *best.shape)) / np.sqrt(best.shape[1])
    return aim * best + np.sqrt(1.0 - aim**2) * z


def _solve_rows(maps: Array, rows: Array) -> Array:
    """Rows x with maps[l] x' = rows[l]'."""
    solved = np.linalg.solve(maps, rows.swapaxes(1, 2)).swapaxes(1, 2)
    return np.ascontiguousarray(solved, dtype=np.float64)

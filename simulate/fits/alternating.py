"""LoRA adapters of given ranks in several layers at once, by alternating least squares."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from simulate.fits.fit import Fit
from simulate.moments import Moments
from theory import InputError
from theory.arrays import Array


def alternating_least_squares(
    moments: Moments,
    ranks: Mapping[int, int],
    rng: Generator,
    *,
    sweeps: int = 500,
    tolerance: float = 1e-12,
) -> Fit:
    """Fit A_l = B_l F_l of rank at most r_l in the tuned layers, from random F.

    A sweep solves for every layer's B jointly with F fixed, then for each layer's F in turn with
    the rest fixed. Each half is a least-squares problem, so the loss never rises; with one layer
    the limit is the reduced-rank regression of theory section 3c. With several coupled layers
    the problem is not convex, and the limit may be a local optimum.

    Parameters
    ----------
    moments
        Population or plug-in moments.
    ranks
        Rank of each tuned layer; layers with rank 0 stay untuned.
    rng
        Source of the first F.
    sweeps
        Upper limit on the sweeps.
    tolerance
        Stop when a sweep raises the gain by less than this fraction of it.

    Raises
    ------
    InputError
        If no layer has a positive rank, a rank exceeds the layer's size or the number of
        outputs, or a layer is out of range.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> moments = Moments(np.eye(2), np.diag([3.0, 1.0]), (2,))
    >>> fit = alternating_least_squares(moments, {0: 1}, np.random.default_rng(0))
    >>> round(fit.gain, 9)  # the larger singular value alone: 3^2 / 2
    4.5
    """
    tuned = {layer: rank for layer, rank in sorted(ranks.items()) if rank != 0}
    if not tuned:
        raise InputError(f"ranks are {dict(ranks)}: give at least one layer a positive rank")
    moments.features(tuple(tuned))
    for layer, rank in tuned.items():
        largest = min(moments.sizes[layer], moments.outputs)
        if not 0 < rank <= largest:
            raise InputError(f"layer {layer} has rank {rank}: give between 1 and {largest}")

    sigma, C = moments.second_moment, moments.cross_moment
    F = {at: rng.standard_normal((rank, moments.sizes[at])) for at, rank in tuned.items()}
    adapter = np.zeros_like(C)
    gains = [0.0]
    for _ in range(sweeps):
        B = _writers(moments, F)
        for layer, factor in F.items():
            adapter[:, moments.slices[layer]] = B[layer] @ factor
        for layer in F:
            at = moments.slices[layer]
            # What the other layers leave, seen by this one.
            left = C[:, at] - adapter @ sigma[:, at] + adapter[:, at] @ sigma[at, at]
            solved = np.linalg.lstsq(B[layer], left, rcond=None)[0]
            F[layer] = np.linalg.solve(sigma[at, at], solved.T).T.astype(np.float64)
            adapter[:, at] = B[layer] @ F[layer]
        gains.append(moments.reduction(adapter))
        if gains[-1] - gains[-2] <= tolerance * gains[-1]:
            break
    return Fit(adapter, tuple(tuned), gains[-1], tuple(gains))


def _writers(moments: Moments, F: Mapping[int, Array]) -> dict[int, Array]:
    """The best B of every layer together: least squares on the features F_l h_l."""
    reader = np.zeros((sum(len(factor) for factor in F.values()), len(moments.second_moment)))
    rows: dict[int, slice] = {}
    end = 0
    for layer, factor in F.items():
        rows[layer] = slice(end, end := end + len(factor))
        reader[rows[layer], moments.slices[layer]] = factor
    gram = reader @ moments.second_moment @ reader.T
    B = np.linalg.lstsq(gram, reader @ moments.cross_moment.T, rcond=None)[0].T.astype(np.float64)
    return {layer: B[:, at] for layer, at in rows.items()}

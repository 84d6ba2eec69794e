"""The tangent gain as a :class:`theory.BlockQuadratic`, so that every bound and search applies.

A ridge in place of the flow: half of ``g'(F + P^{-1}/(2 tau))^{-1} g`` has the same first-order
rate ``tau g'P g`` when the budget ``tau`` is small and the same limit when it is large. In the
scaled coordinates ``P^{-1/2} theta`` the ridge is a multiple ``r`` of the identity, so a small
budget also makes the coupling small: the bounds of sections 1, 6 and 8 speak about what the
budget can reach, where those of the unbudgeted model are void.

The optimum of a set of layers is ``theta_l = -(g_l - S_l'y) / r`` with one response
``y = (sum S_m S_m' + r)^{-1} sum S_m g_m`` for all its layers, in the space of the sequences. So a
layer needs the direction ``g_l`` and ``S_l'y`` for the responses that occur: a reduced basis, whose
``y`` are the principal directions of the responses of many sets. Curvature and couplings are exact
in it. All of it follows from the kernels.
"""

import numpy as np

from realmodel.measure.random_subset import random_groups
from realmodel.measure.replicates import Replicates
from realmodel.measure.tangent.coordinates import Coordinates
from realmodel.measure.tangent.gain import TangentGain
from theory import BlockQuadratic

RESPONSES = 15
"""Principal responses; with them the gain of four layers is within some 6% of all of them."""

GROUPS = 16
"""Groups of sequences that the jackknife leaves out one at a time."""


def tangent_quadratic(gain: TangentGain, *, responses: int = RESPONSES) -> BlockQuadratic:
    """One block per layer, ascending; nats per completion token.

    Parameters
    ----------
    gain : TangentGain
        Kernels and the time ``tau``.
    responses : int
        Principal responses kept; the number of sequences keeps them all.

    Notes
    -----
    Provenance: extension. Gradient and curvature come from the same sequences, so the gain is
    overstated by about the gradient's sampling noise; it is meant to order placements.
    """
    return Coordinates.of(gain, responses).quadratic(np.arange(len(gain.tokens)))


def tangent_replicates(
    gain: TangentGain, *, responses: int = RESPONSES, seed: int = 0
) -> Replicates | None:
    """The same, in the same coordinates, with one random group of sequences left out at a time.

    Coordinates and Adam's scaling stay those of all sequences, as the directions of the
    Gauss-Newton model do. ``None`` with fewer than three sequences.
    """
    count = len(gain.tokens)
    groups = min(GROUPS, count)
    if groups < 3:
        return None
    coordinates = Coordinates.of(gain, responses)
    label = np.array(random_groups(count, groups, seed))
    left_out = [np.flatnonzero(label != group) for group in range(groups)]
    return Replicates.of([coordinates.quadratic(kept) for kept in left_out])

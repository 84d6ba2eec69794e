"""The tangent gain as a :class:`theory.BlockQuadratic`, so that every bound and search applies.

A ridge in place of the flow: half of ``g'(F + P^{-1}/(2 tau))^{-1} g`` has the same first-order
rate ``tau g'P g`` when the budget ``tau`` is small and the same limit when it is large. In the
scaled coordinates ``P^{-1/2} theta`` the ridge is a multiple of the identity, so a small budget
also makes the coupling small: the bounds of sections 1, 6 and 8 speak about what the budget can
reach, where those of the unbudgeted model are void.

Each layer keeps the leading eigenvectors of its own curvature and the rest of its gradient as one
more direction, whose curvature and couplings are kept exactly. All of it follows from the kernels:
with ``S_l S_l' = U w U'`` the basis ``S_l'U w^{-1/2}`` is mapped by ``S_l`` to ``U w^{1/2}``.
"""

import numpy as np

from realmodel.baselines.context import Context
from realmodel.baselines.score import Baseline, JointGain
from realmodel.baselines.tangent_gain import TangentGain, score
from theory import BlockQuadratic

LEADING = 15
"""Eigenvectors per layer."""


def tangent_quadratic(gain: TangentGain, *, leading: int = LEADING) -> BlockQuadratic:
    """One block per layer, ascending; nats per completion token.

    Parameters
    ----------
    gain : TangentGain
        Kernels and the time ``tau``.
    leading : int
        Eigenvectors kept per layer; the number of sequences keeps them all.
    """
    images, gradients = [], []
    for layer in sorted(gain.kernels):
        w, U = np.linalg.eigh(gain.kernels[layer])
        kept = np.flatnonzero(w > len(w) * np.finfo(float).eps * w[-1])[-leading:]
        w, U = w[kept], U[:, kept]
        projection = gain.projections[layer]
        c = U.T @ projection / np.sqrt(w)
        rest = float(np.sqrt(max(gain.squares[layer] - float(c @ c), 0.0)))
        columns = [U * np.sqrt(w)]
        if rest > 0:
            columns.append((projection - U @ (U.T @ projection))[:, None] / rest)
            c = np.append(c, rest)
        images.append(np.hstack(columns))
        gradients.append(c)
    J = np.hstack(images)
    curvature = J.T @ J + np.eye(J.shape[1]) / (2 * gain.time)
    return BlockQuadratic(
        np.concatenate(gradients), curvature, tuple(image.shape[1] for image in images)
    )


def quadratic_score(context: Context) -> JointGain:
    """Joint gain in the budgeted model, best set by branch and bound."""
    return JointGain(tangent_quadratic(score(context)), context.layers, "exact")


BASELINES = (
    Baseline(
        "tangent-quadratic",
        "Tangent gain as a quadratic (ours)",
        "this project: the tangent gain with a ridge for the budget, as a block quadratic",
        "sequences",
        quadratic_score,
        predicts_gain=True,
    ),
)

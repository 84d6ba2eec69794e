"""5d: the largest compensation that the two couplings allow."""

import numpy as np

from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem
from theory.spreading.compensation import sharp_compensation_upper


def _instance(inner: float, rho: float, spare: float) -> Problems:
    """Two tuned layers, two frozen, two tuned and apart.

    ``M_SS`` has the eigenvalue ``-inner`` along (1, 1), which meets the frozen pair, whose own is
    ``+inner``: the norm there is ``sqrt(inner^2 + cross^2) = rho``. The spare pair sets ``rho_S``.
    """
    M = np.zeros((6, 6))
    cross = np.sqrt(rho**2 - inner**2)
    M[0, 1], M[2, 3], M[4, 5] = -inner, inner, spare
    M[:2, 2:4] = cross / 2
    M = M + M.T
    joint = np.array([1.0, 2.0, 1.0, 1.0, 0.5, 0.5])
    return Problems.from_whitened(M, (np.eye(6) + M) @ joint, tuned=(0, 1, 4, 5))


def _tight() -> Problems:
    """``rho_S`` below ``rho^2``, and above it."""
    cases = [_instance(0.1, 0.6, 0.0), _instance(0.64, 0.8, 0.7)]
    return Problems(
        gradient=np.concatenate([case.gradient for case in cases]),
        curvature=np.concatenate([case.curvature for case in cases]),
        sizes=cases[0].sizes,
        tuned=cases[0].tuned,
        theta=np.concatenate([case.theta for case in cases]),
    )


def _violated() -> Problems:
    """``rho = 2.5`` with ``H > 0``: six redundant layers, four of them tuned."""
    M = (np.ones((6, 6)) - np.eye(6)) / 2
    return Problems.from_whitened(M, np.ones(6), tuned=(0, 1, 2, 3))


THEOREM = Theorem[Problems](
    id="5d",
    title="Selective compensation, sharp",
    provenance="extension",
    statement=r"\|\theta^*_S - \theta_{glob,S}\|_D \le \frac{\sqrt{\rho^2-s^2}}{1-s}\,"
    r"\|\theta_{glob,T}\|_D,\qquad s = \min(\rho_S, \rho^2)",
    assumptions=(Assumption(r"\rho_S < 1", lambda p: p.rho_tuned < 1),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.norm(p.theta_tuned - p.keep(p.theta_joint, p.inside)),
            sharp_compensation_upper,
            lambda p: (p.rho, p.rho_tuned, p.norm(p.keep(p.theta_joint, p.outside))),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("compensation",),
)

"""12b: compensation and what freezing costs, for every positive curvature."""

import numpy as np

from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem
from theory.spreading.compensation import (
    signed_compensation_upper,
    signed_forgone_lower,
    signed_forgone_upper,
)


def _outside(p: Problems) -> Array:
    return p.norm(p.keep(p.theta_joint, p.outside))


def _tight() -> Problems:
    """``I + M`` from 0.1 to 3 (``rho = 2``), both ends in a plane that S and T share evenly.

    Of the plane S has the harmonic mean of the ends, which makes the answer largest. In two more
    solutions frozen layers apart move along one end of the range.
    """
    low, high = 0.1, 3.0
    S, T = np.array([1.0, 1.0]) / np.sqrt(2), np.ones(4) / 2
    inner = 2 * low * high / (low + high)
    M = np.zeros((12, 12))
    M[0, 1] = M[1, 0] = inner - 1
    M[2:6, 2:6] = (low + high - inner - 1) / 3 * (np.ones((4, 4)) - np.eye(4))
    cross = np.sqrt(inner * (low + high - inner) - low * high)
    M[:2, 2:6] = cross * np.outer(S, T)
    M[2:6, :2] = M[:2, 2:6].T
    M[6, 7] = M[7, 6] = low - 1
    M[8:, 8:] = (high - 1) / 3 * (np.ones((4, 4)) - np.eye(4))
    joint = np.zeros((3, 12))
    joint[0, 2:6], joint[1, 6:8], joint[2, 8:] = T, 1.0, 1.0
    return Problems.from_whitened(M, joint @ (np.eye(12) + M), tuned=(0, 1))


def _violated() -> Problems:
    """``H`` indefinite within ``S``: the tuned layers' answer stiffens the frozen one."""
    M = [[0.0, -1.5, 1.2], [-1.5, 0.0, 1.2], [1.2, 1.2, 0.0]]
    return Problems.from_whitened(M, [0.0, 0.0, 1.0], tuned=(0, 1))


THEOREM = Theorem[Problems](
    id="12b",
    title="Selective compensation at every coupling",
    provenance="extension",
    statement=r"\|\theta^*_S - \theta_{glob,S}\|_D \le \tfrac12\bigl(\sqrt\kappa -"
    r" \tfrac1{\sqrt\kappa}\bigr)\|\theta_{glob,T}\|_D,\quad \kappa ="
    r" \frac{1+\mu_{\max}}{1+\mu_{\min}};\qquad G(\mathrm{all}) - G(S) \in"
    r" \Bigl[\tfrac{1+\mu_{\min}}{2},\tfrac{1+\mu_{\max}}{2}\Bigr]\|\theta_{glob,T}\|_D^2",
    assumptions=(Assumption("H > 0", lambda p: p.positive),),
    bounds=(
        Bound(
            "compensation",
            "upper",
            lambda p: p.norm(p.theta_tuned - p.keep(p.theta_joint, p.inside)),
            signed_compensation_upper,
            lambda p: (*p.coupling_range, _outside(p)),
        ),
        Bound(
            "forgone at most",
            "upper",
            lambda p: p.gain - p.gain_tuned,
            signed_forgone_upper,
            lambda p: (p.coupling_range[1], _outside(p)),
        ),
        Bound(
            "forgone at least",
            "lower",
            lambda p: p.gain - p.gain_tuned,
            signed_forgone_lower,
            lambda p: (p.coupling_range[0], _outside(p)),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("compensation",),
)

"""1f: the signed form, which holds for every positive curvature."""

import numpy as np

from theory.additivity_bounds.additivity import (
    signed_displacement_upper,
    signed_excess_upper,
    signed_gain_lower,
    signed_gain_upper,
)
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _tight() -> Problems:
    """Six redundant layers (``rho = 2.5``), ``u`` along an eigenvector of each extreme."""
    M = (np.ones((6, 6)) - np.eye(6)) / 2
    return Problems.from_whitened(M, [[1.0] * 6, [1.0, -1.0, 0.0, 0.0, 0.0, 0.0]])


def _violated() -> Problems:
    """Coupling -1.5 of two layers: the stationary point is a saddle."""
    return Problems.from_whitened([[0.0, -1.5], [-1.5, 0.0]], [2.0, 1.0])


THEOREM = Theorem[Problems](
    id="1f",
    title="Signed form: every positive curvature",
    provenance="extension",
    statement=r"\frac{1}{1+\mu_{\max}} \le \frac{G(\mathrm{all})}{\frac12\sum_l \mathrm{Res}_l^2}"
    r" \le \frac{1}{1+\mu_{\min}},\qquad \|\theta_{glob}-\theta_{loc}\|_D \le"
    r" \max\Bigl(\tfrac{|\mu_{\min}|}{1+\mu_{\min}},\tfrac{\mu_{\max}}{1+\mu_{\max}}\Bigr)"
    r"\|\theta_{loc}\|_D",
    assumptions=(Assumption(r"\mu_{\min} > -1", lambda p: p.coupling_range[0] > -1),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.gain,
            signed_gain_upper,
            lambda p: (p.coupling_range[0], p.energy),
        ),
        Bound(
            "lower",
            "lower",
            lambda p: p.gain,
            signed_gain_lower,
            lambda p: (p.coupling_range[1], p.energy),
        ),
        Bound(
            "displacement",
            "upper",
            lambda p: p.norm(p.theta_joint - p.theta_separate),
            signed_displacement_upper,
            lambda p: (*p.coupling_range, np.sqrt(p.energy)),
        ),
        Bound(
            "excess loss",
            "upper",
            lambda p: p.value(p.theta_separate) - p.value(p.theta_joint),
            signed_excess_upper,
            lambda p: (*p.coupling_range, p.energy),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity",),
    figure="additivity_gap",
)

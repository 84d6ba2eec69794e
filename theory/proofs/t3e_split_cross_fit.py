"""3e: products of gradients of different sequences have no noise term in their mean."""

import numpy as np

from theory.hardness.cross_fit import estimand
from theory.proofs.problems.cross_fit import CrossFitProblems, draw_cross_fit_problems, every_sample
from theory.proofs.theorem import Assumption, Bound, Theorem

GRADIENTS = np.array([[[[3.0]], [[1.0]]]])
MOMENT = np.array([[[4.0]]])


def _independent() -> CrossFitProblems:
    return CrossFitProblems(GRADIENTS, MOMENT, every_sample(2, 3))


def _dependent() -> CrossFitProblems:
    """Two entries are always the same sequence: parts of one that were taken for two."""
    samples = every_sample(2, 2)
    return CrossFitProblems(GRADIENTS, MOMENT, samples[:, [0, 0, 1]])


THEOREM = Theorem(
    id="3e-split",
    title="The cross-fitted estimate has no noise bias",
    provenance="extension",
    statement=r"\mathbb{E}\langle C_s\Sigma^{-1/2}, C_t\Sigma^{-1/2}\rangle = \mathrm{Res}^2"
    r" \quad (s \ne t \text{ independent, } \Sigma \text{ known})",
    assumptions=(
        Assumption(
            r"\text{sequences are independent}",
            lambda p: np.full(len(p.gradients), p.dependence < 1e-12),
        ),
    ),
    bounds=(
        Bound(
            "mean",
            "equal",
            lambda p: p.estimates.mean(axis=1),
            estimand,
            lambda p: (p.residual_norm,),
        ),
    ),
    tight_example=_independent,
    violated_example=_dependent,
    draw=draw_cross_fit_problems,
    functions=("cross_fitted_norm",),
    figure="finite_sample_bias",
)

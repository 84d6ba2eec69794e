"""1d: train every layer alone, then insert them together."""

import numpy as np

from theory.additivity_bounds.additivity import separate_gain_lower, separate_gain_upper
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _tight() -> Problems:
    """Two scalar layers, ``u`` along each eigenvector of ``M``."""
    return Problems.from_whitened([[0.0, 0.3], [0.3, 0.0]], [[1.0, 1.0], [1.0, -1.0]])


def _violated() -> Problems:
    """One layer of negative curvature: its "solution" is a maximum and the energies cancel."""
    return Problems(
        gradient=np.ones((1, 2)),
        curvature=np.array([[[1.0, 0.3], [0.3, -1.0]]]),
        sizes=(1, 1),
        tuned=(0,),
        theta=np.ones((1, 2)),
    )


THEOREM = Theorem[Problems](
    id="1d",
    title="Gain of separately trained layers inserted together",
    provenance="reconstruction",
    statement=r"1-\rho \le \frac{-Q(\theta_{loc})}{\frac12\sum_l \mathrm{Res}_l^2} \le 1+\rho",
    assumptions=(Assumption(r"D > 0", lambda p: p.blocks_range[0] > 0),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: -p.value(p.theta_separate),
            separate_gain_upper,
            lambda p: (p.rho, p.energy),
        ),
        Bound(
            "lower",
            "lower",
            lambda p: -p.value(p.theta_separate),
            separate_gain_lower,
            lambda p: (p.rho, p.energy),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity",),
)

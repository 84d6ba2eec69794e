"""1c: what is lost by inserting separately trained layers together."""

import numpy as np

from theory.additivity_bounds.additivity import excess_upper
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _tight() -> Problems:
    """Two scalar layers, ``u`` along the eigenvector of ``M`` with eigenvalue ``-rho``."""
    return Problems.from_whitened([[0.0, -0.3], [-0.3, 0.0]], [1.0, 1.0])


def _violated() -> Problems:
    """Six redundant layers: ``H > 0`` and ``rho = 2.5``."""
    return Problems.from_whitened((np.ones((6, 6)) - np.eye(6)) / 2, np.ones(6))


THEOREM = Theorem[Problems](
    id="1c",
    title="Excess loss of separate training is of second order",
    provenance="reconstruction",
    statement=r"Q(\theta_{loc}) - Q(\theta_{glob}) \le"
    r" \frac12\,\frac{\rho^2}{1-\rho}\sum_l \mathrm{Res}_l^2",
    assumptions=(Assumption(r"\rho < 1", lambda p: p.rho < 1),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.value(p.theta_separate) - p.value(p.theta_joint),
            excess_upper,
            lambda p: (p.rho, p.energy),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity",),
    figure="additivity_gap",
)

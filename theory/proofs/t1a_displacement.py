"""1a: how far the joint solution lies from the separate ones."""

import numpy as np

from theory.additivity_bounds.additivity import displacement_upper, displacement_upper_joint
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _tight() -> Problems:
    """Two scalar layers, ``u`` along the eigenvector of ``M`` with eigenvalue ``-rho``."""
    return Problems.from_whitened([[0.0, -0.3], [-0.3, 0.0]], [1.0, 1.0])


def _violated() -> Problems:
    """Six redundant layers: ``H > 0`` and ``rho = 2.5``."""
    return Problems.from_whitened((np.ones((6, 6)) - np.eye(6)) / 2, np.ones(6))


THEOREM = Theorem[Problems](
    id="1a",
    title="Joint and separate solutions are close",
    provenance="reconstruction",
    statement=r"\|\theta_{glob}-\theta_{loc}\|_D \le \frac{\rho}{1-\rho}\,\|\theta_{loc}\|_D,"
    r"\qquad \|\theta_{glob}-\theta_{loc}\|_D \le \rho\,\|\theta_{glob}\|_D",
    assumptions=(Assumption(r"\rho < 1", lambda p: p.rho < 1),),
    bounds=(
        Bound(
            "from the separate solution",
            "upper",
            lambda p: p.norm(p.theta_joint - p.theta_separate),
            displacement_upper,
            lambda p: (p.rho, np.sqrt(p.energy)),
        ),
        Bound(
            "from the joint solution",
            "upper",
            lambda p: p.norm(p.theta_joint - p.theta_separate),
            displacement_upper_joint,
            lambda p: (p.rho, p.norm(p.theta_joint)),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity",),
)

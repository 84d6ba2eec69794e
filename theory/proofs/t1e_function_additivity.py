"""1e: additivity of the function at every displacement."""

import numpy as np

from theory.additivity_bounds.function_additivity import nonadditivity_upper
from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _nonadditivity(p: Problems) -> Array:
    together = p.value(p.theta)
    for layer in range(len(p.sizes)):
        alone = np.where(p.layer == layer, p.theta, 0.0)
        together = together - p.value(alone)
    return np.abs(together)


def _tight() -> Problems:
    """Two scalar layers displaced along either eigenvector of ``M``."""
    return Problems.from_whitened(
        [[0.0, 0.3], [0.3, 0.0]], [[2.0, 1.0], [2.0, 1.0]], theta=[[1.0, 1.0], [1.0, -1.0]]
    )


def _violated() -> Problems:
    """A layer of negative curvature: the layers' own terms cancel, the cross term does not."""
    return Problems(
        gradient=np.ones((1, 2)),
        curvature=np.array([[[1.0, 0.3], [0.3, -1.0]]]),
        sizes=(1, 1),
        tuned=(0,),
        theta=np.ones((1, 2)),
    )


THEOREM = Theorem[Problems](
    id="1e",
    title="Additivity of the function, at every displacement",
    provenance="reconstruction",
    statement=r"\Bigl|F(\theta)-F(0)-\sum_l \bigl(F(\theta_l)-F(0)\bigr)\Bigr|"
    r" = \frac12\bigl|\theta'E_K\theta\bigr|"
    r" \le \frac12\,\rho_K \sum_l \theta_l'K_{ll}\theta_l",
    assumptions=(Assumption(r"D_K > 0", lambda p: p.blocks_range[0] > 0),),
    bounds=(
        Bound(
            "upper",
            "upper",
            _nonadditivity,
            nonadditivity_upper,
            lambda p: (p.rho, p.norm(p.theta) ** 2),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("function_additivity",),
)

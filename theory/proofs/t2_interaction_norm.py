"""2: the interaction's norm between the extreme curvatures times the coupling."""

import numpy as np

from theory.additivity_bounds.interaction_norm import interaction_lower, interaction_upper
from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, draw_problems, spectrum_ends
from theory.proofs.theorem import Assumption, Bound, Theorem


def _norm(p: Problems) -> Array:
    low, high = spectrum_ends(p.interaction)
    return np.maximum(-low, high)


def _tight() -> Problems:
    """Blocks of equal curvature: both sides meet."""
    return Problems.from_whitened([[0.0, 0.3], [0.3, 0.0]], [1.0, 1.0], factor=3 * np.eye(2))


def _violated() -> Problems:
    """Negative blocks: ``lambda_max(D)`` is not a norm."""
    return Problems(
        gradient=np.ones((1, 2)),
        curvature=np.array([[[-4.0, 0.6], [0.6, -1.0]]]),
        sizes=(1, 1),
        tuned=(0,),
        theta=np.ones((1, 2)),
    )


THEOREM = Theorem[Problems](
    id="2",
    title="Interaction norm against coupling",
    provenance="reconstruction",
    statement=r"\lambda_{\min}(D)\,\rho \le \|E\|_2 \le \lambda_{\max}(D)\,\rho",
    assumptions=(Assumption(r"D > 0", lambda p: p.blocks_range[0] > 0),),
    bounds=(
        Bound("upper", "upper", _norm, interaction_upper, lambda p: (p.rho, p.blocks_range[1])),
        Bound("lower", "lower", _norm, interaction_lower, lambda p: (p.rho, p.blocks_range[0])),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("interaction_norm",),
)

"""12f: what greedy reaches in exactly the steps that it takes."""

import numpy as np

from theory.arrays import Array
from theory.choice.greedy import greedy
from theory.choice.greedy_share import greedy_lower_by_steps
from theory.proofs.problems.quadratic import Problems
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.t8_weak_submodularity import FLOOR
from theory.proofs.theorem import Bound, Theorem

GAMMA = 1e-4


def _greedy_gains(problems: SelectionProblems) -> Array:
    return np.array([greedy(q, problems.size).gain for q in problems.quadratics])


def _decoy(floor: float | None = None) -> SelectionProblems:
    """A decoy ties with each of two layers that gain ``1/gamma`` together."""
    M = np.zeros((3, 3))
    M[1, 2] = M[2, 1] = GAMMA - 1
    problems = Problems.from_whitened([M], [[1.0, 1.0, 1.0]], tuned=[0])
    return SelectionProblems.of(problems, 2, floor=None if floor is None else np.array([floor]))


THEOREM = Theorem(
    id="12f",
    title="Guarantee of greedy in k steps",
    provenance="extension",
    statement=r"G(\text{greedy}_k) \ge \Bigl(1-\bigl(1-\tfrac\gamma k\bigr)^k\Bigr)"
    r"\max_{|S|=k} G(S) \ge (1-e^{-\gamma})\max_{|S|=k} G(S)",
    assumptions=(FLOOR,),
    bounds=(
        Bound(
            "in k steps",
            "lower",
            _greedy_gains,
            greedy_lower_by_steps,
            lambda p: (p.floor, p.size, p.best_gain),
            closeness=1e-3,
        ),
    ),
    tight_example=_decoy,
    violated_example=lambda: _decoy(floor=0.5),
    draw=draw_selection_problems,
    functions=("greedy",),
)

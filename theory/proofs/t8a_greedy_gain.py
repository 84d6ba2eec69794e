"""8a: greedy on exact marginal gains."""

import numpy as np

from theory.arrays import Array
from theory.choice.greedy import greedy_layers
from theory.choice.placement import greedy_lower, greedy_lower_by_coupling
from theory.proofs.problems.quadratic import Problems
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.t8_weak_submodularity import FLOOR
from theory.proofs.theorem import Bound, Theorem

GAMMA = 1e-4


def _greedy_gains(problems: SelectionProblems) -> Array:
    every = range(problems.layers)
    return np.array([q.gain(greedy_layers(q, every, problems.size)) for q in problems.quadratics])


def _decoy(floor: float | None = None) -> SelectionProblems:
    """A decoy ties with each of two layers that gain ``1/gamma`` together: greedy takes it first.

    Greedy then has ``gamma`` of the best, and ``1 - e^{-gamma}`` is that as ``gamma -> 0``.
    """
    M = np.zeros((3, 3))
    M[1, 2] = M[2, 1] = GAMMA - 1
    problems = Problems.from_whitened([M], [[1.0, 1.0, 1.0]], tuned=[0])
    return SelectionProblems.of(problems, 2, floor=None if floor is None else np.array([floor]))


THEOREM = Theorem(
    id="8a",
    title="Guarantee of greedy",
    provenance="extension",
    statement=r"G(\text{greedy}_k) \ge (1-e^{-\gamma})\max_{|S|=k} G(S),\quad"
    r" \gamma = 1+\mu_{\min} \ge 1-\rho",
    assumptions=(FLOOR,),
    bounds=(
        Bound(
            "signed",
            "lower",
            _greedy_gains,
            greedy_lower,
            lambda p: (p.floor, p.best_gain),
            closeness=1e-3,
        ),
        Bound(
            "by the coupling",
            "lower",
            _greedy_gains,
            greedy_lower_by_coupling,
            lambda p: (p.problems.rho, p.best_gain),
            closeness=1e-3,
        ),
    ),
    tight_example=_decoy,
    violated_example=lambda: _decoy(floor=0.5),
    draw=draw_selection_problems,
    functions=("greedy",),
)

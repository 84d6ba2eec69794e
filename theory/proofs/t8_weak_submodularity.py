"""8: the gain is a weakly submodular function of the set of layers."""

import numpy as np

from theory.arrays import BoolArray
from theory.choice.placement import submodularity_lower
from theory.proofs.problems.quadratic import Problems
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def floor_holds(problems: SelectionProblems) -> BoolArray:
    """Whether the claimed floor is below ``1 + mu_min``, and above zero."""
    low = 1.0 + problems.problems.coupling_range[0]
    return np.asarray((problems.floor > 0) & (problems.floor <= low * (1 + 1e-9)))


FLOOR: Assumption[SelectionProblems] = Assumption(
    r"0 < \gamma \le 1 + \mu_{\min},\ \mu_{\min} \text{ over all layers}", floor_holds
)


def _synergy(floor: float | None = None) -> SelectionProblems:
    """Layer 0 is chosen and alone; layers 1 and 2 gain together what neither gains by itself."""
    M = np.zeros((3, 3))
    M[1, 2] = M[2, 1] = -0.5
    problems = Problems.from_whitened([M], [[1.0, 1.0, 1.0]], tuned=[0])
    return SelectionProblems.of(problems, 2, floor=None if floor is None else np.array([floor]))


THEOREM = Theorem(
    id="8",
    title="Weak submodularity of the gain",
    provenance="extension",
    statement=r"\sum_{j \in R} \left(G(P\cup j) - G(P)\right) \ge \gamma\,(G(P\cup R) - G(P)),"
    r"\quad \gamma = 1+\mu_{\min} \ge 1-\rho",
    assumptions=(FLOOR,),
    bounds=(
        Bound(
            "ratio",
            "lower",
            lambda p: p.sum_of_marginals,
            submodularity_lower,
            lambda p: (p.floor, p.joint_marginal),
        ),
    ),
    tight_example=_synergy,
    violated_example=lambda: _synergy(floor=0.8),
    draw=draw_selection_problems,
    functions=("greedy",),
)

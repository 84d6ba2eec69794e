"""8b: the layers with the largest residual norms."""

import numpy as np

from theory.arrays import Array, BoolArray
from theory.choice.placement import additive_lower, additive_lower_by_coupling
from theory.choice.top_k import largest_norms
from theory.proofs.problems.quadratic import Problems
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.t8_weak_submodularity import FLOOR
from theory.proofs.theorem import Assumption, Bound, Theorem


def _top_gains(problems: SelectionProblems) -> Array:
    every = range(problems.layers)
    return np.array([q.gain(largest_norms(q, every, problems.size)) for q in problems.quadratics])


def _ceiling_holds(problems: SelectionProblems) -> BoolArray:
    high = 1.0 + problems.problems.coupling_range[1]
    return np.asarray(problems.ceiling >= high * (1 - 1e-9))


def _pairs(ceiling: float | None = None) -> SelectionProblems:
    """Equal residual norms: top-k takes the redundant pair, the synergistic one is best."""
    M = np.zeros((4, 4))
    M[0, 1] = M[1, 0] = 0.4
    M[2, 3] = M[3, 2] = -0.4
    problems = Problems.from_whitened([M], [np.ones(4)], tuned=[0])
    return SelectionProblems.of(
        problems, 2, ceiling=None if ceiling is None else np.array([ceiling])
    )


THEOREM = Theorem(
    id="8b",
    title="Guarantee of the largest residual norms",
    provenance="extension",
    statement=r"G(\text{top}_k) \ge \frac{1+\mu_{\min}}{1+\mu_{\max}}\max_{|S|=k} G(S) \ge"
    r" \frac{1-\rho}{1+\rho}\max_{|S|=k} G(S)",
    assumptions=(FLOOR, Assumption(r"\text{ceiling} \ge 1+\mu_{\max}", _ceiling_holds)),
    bounds=(
        Bound(
            "signed",
            "lower",
            _top_gains,
            additive_lower,
            lambda p: (p.floor, p.ceiling, p.best_gain),
        ),
        Bound(
            "by the coupling",
            "lower",
            _top_gains,
            additive_lower_by_coupling,
            lambda p: (p.problems.rho, p.best_gain),
        ),
    ),
    tight_example=_pairs,
    violated_example=lambda: _pairs(ceiling=1.0),
    draw=draw_selection_problems,
    functions=("top_k",),
)

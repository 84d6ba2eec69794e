"""10a: every vector proves an upper bound on the best gain, of a size and within a budget."""

import numpy as np

from theory.arrays import Array
from theory.choice.choices import choices
from theory.choice.response import dual_upper
from theory.proofs.problems.quadratic import Problems, apply, inner, solve
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.t8_weak_submodularity import FLOOR
from theory.proofs.theorem import Bound, Theorem


def _dual(p: SelectionProblems, y: Array) -> tuple[Array, Array]:
    """``y'Ry / 2`` and the prices (k, L), for ``N = floor D`` and with ``D`` whitened away."""
    A = np.eye(y.shape[1]) + p.problems.whitened_coupling
    pull = apply(A, y) - p.floor[:, None] * y
    r = p.problems.whitened_gradient + pull
    norms = [np.square(r[:, p.coordinates([at])]).sum(axis=1) for at in range(p.layers)]
    return 0.5 * inner(y, pull), 0.5 * np.stack(norms, axis=1) / p.floor[:, None]


def _of_size(p: SelectionProblems) -> tuple[Array, Array]:
    """At the problem's own displacement."""
    energy, prices = _dual(p, p.problems.theta)
    return energy, np.sort(prices, axis=1)[:, -p.size :].sum(axis=1)


def _within_budget(p: SelectionProblems) -> tuple[Array, Array]:
    """At the joint minimiser."""
    A = np.eye(p.problems.dimension) + p.problems.whitened_coupling
    energy, prices = _dual(p, -solve(A, p.problems.whitened_gradient))
    top = [
        max(choice.value(own) for choice in choices(p.layers, budget, p.cost, range(p.layers)))
        for own, budget in zip(prices, p.budget.tolist(), strict=True)
    ]
    return energy, np.array(top)


def _pair(y: float, floor: float) -> SelectionProblems:
    """Two synergistic layers, both taken: at ``y = -(4, 4)``, the minimiser, the bound is exact."""
    M = np.array([[0.0, -0.5], [-0.5, 0.0]])
    theta = np.full((1, 2), y)
    problems = Problems.from_whitened([M], [[2.0, 2.0]], tuned=[0], theta=theta)
    return SelectionProblems.of(problems, 2, floor=np.array([floor]))


THEOREM = Theorem(
    id="10a",
    title="Dual certificate at any coupling",
    provenance="extension",
    statement=r"H = N + R,\ N > 0 \text{ block-diagonal},\ R \ge 0:\quad \max_S G(S) \le"
    r" \tfrac12 y'Ry + \max_S \sum_{l\in S} \tfrac12 r_l'N_l^{-1}r_l,\quad r = g + Ry,"
    r"\text{ for every } y",
    assumptions=(FLOOR,),
    bounds=(
        Bound("size", "upper", lambda p: p.best_gain, dual_upper, _of_size),
        Bound("budget", "upper", lambda p: p.best_affordable_gain, dual_upper, _within_budget),
    ),
    tight_example=lambda: _pair(-4.0, 0.5),
    violated_example=lambda: _pair(-6.0, 0.8),
    draw=draw_selection_problems,
    functions=("certificate",),
)

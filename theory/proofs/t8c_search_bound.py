"""8c: the bound that lets exact search skip sets, and its result."""

import numpy as np

from theory.arrays import Array
from theory.choice.exact_search import exact_search
from theory.choice.placement import extension_upper
from theory.proofs.problems.quadratic import Problems
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.t8_weak_submodularity import FLOOR
from theory.proofs.theorem import Bound, Theorem


def exact_gain(gain: Array) -> Array:
    """8c: what the search returns is the best gain of its size."""
    return 1.0 * gain


def _searched(problems: SelectionProblems) -> Array:
    return np.array([exact_search(q, problems.size).gain for q in problems.quadratics])


def _whole(p: SelectionProblems) -> tuple[Array, Array, Array]:
    """Nothing chosen: the residual norms themselves."""
    energy = p.top_energy(p.problems.whitened_gradient, range(p.layers), p.size)
    return np.zeros(len(energy)), energy, p.floor


def _extension(p: SelectionProblems) -> tuple[Array, Array, Array]:
    """Some layers chosen: the residuals conditional on them."""
    energy = p.top_energy(p.conditional_gradient, p.open_layers, p.extension_size)
    return p.gain(p.chosen), energy, p.floor


def _synergy(floor: float | None = None) -> SelectionProblems:
    M = np.zeros((3, 3))
    M[1, 2] = M[2, 1] = -0.5
    problems = Problems.from_whitened([M], [[0.1, 1.0, 1.0]], tuned=[0])
    return SelectionProblems.of(problems, 2, floor=None if floor is None else np.array([floor]))


THEOREM = Theorem(
    id="8c",
    title="Exact search by branch and bound",
    provenance="extension",
    statement=r"\max_{|R|=r} G(P\cup R) \le G(P) + \frac{1}{2(1+\mu_{\min})}"
    r"\sum_{r \text{ largest}} \|w_j\|^2,\quad w_j = u_j - M_{jP}(I+M_{PP})^{-1}u_P",
    assumptions=(FLOOR,),
    bounds=(
        Bound("whole set", "upper", lambda p: p.best_gain, extension_upper, _whole),
        Bound("extension", "upper", lambda p: p.best_extension, extension_upper, _extension),
        Bound(
            "search",
            "equal",
            lambda p: p.best_gain,
            exact_gain,
            lambda p: (_searched(p),),
        ),
    ),
    tight_example=_synergy,
    violated_example=lambda: _synergy(floor=0.8),
    draw=draw_selection_problems,
    functions=("exact_search",),
)

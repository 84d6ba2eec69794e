"""10c: prices at a set bound what a layer adds and what dropping one costs, and prove the best."""

import numpy as np

from theory.arrays import Array
from theory.choice.choices import choices
from theory.choice.relaxation import bound_at, respond_to
from theory.choice.response import adding_upper, dropping_upper
from theory.proofs.problems.quadratic import Problems
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.t8_weak_submodularity import FLOOR
from theory.proofs.t10b_concave_relaxation import claimed_splits
from theory.proofs.theorem import Bound, Theorem


def certified_gain(bound: Array) -> Array:
    """10c: a set that is worth its bound is a best one."""
    return 1.0 * bound


def _price(p: SelectionProblems, layer: int) -> tuple[Array, Array]:
    """Gain of the chosen layers, and the price of one."""
    prices = [respond_to(split, p.chosen).prices[layer] for split in claimed_splits(p)]
    return p.gain(p.chosen), np.array(prices)


def _bounds(p: SelectionProblems) -> tuple[Array]:
    """10a at the chosen layers, over the sets of as many."""
    allowed = choices(p.layers, len(p.chosen), None, range(p.layers))
    return (np.array([bound_at(split, allowed, p.chosen) for split in claimed_splits(p)]),)


def _best_of_as_many(p: SelectionProblems) -> Array:
    return SelectionProblems.of(p.problems, len(p.chosen)).best_gain


def _set(M: list[list[float]], u: list[float], floor: float | None = None) -> SelectionProblems:
    problems = Problems.from_whitened([M], [u], tuned=[0, 1])
    return SelectionProblems.of(problems, 2, floor=None if floor is None else np.array([floor]))


THEOREM = Theorem(
    id="10c",
    title="Prices of a set prove it",
    provenance="extension",
    statement=r"G(S\cup l) - G(S) \le \mathrm{price}_l(1_S),\quad G(S) - G(S\setminus l) \ge"
    r" \mathrm{price}_l(1_S);\quad \min_{l\in S}\mathrm{price}_l \ge \max_{l\notin S}"
    r"\mathrm{price}_l \ \Rightarrow\ G(S) = \max_{|S'|=|S|} G(S')",
    assumptions=(FLOOR,),
    bounds=(
        Bound(
            "adding",
            "upper",
            lambda p: p.gain((*p.chosen, p.open_layers[0])),
            adding_upper,
            lambda p: _price(p, p.open_layers[0]),
        ),
        Bound(
            "dropping",
            "upper",
            lambda p: p.gain(p.chosen[1:]),
            dropping_upper,
            lambda p: _price(p, p.chosen[0]),
        ),
        Bound("proof", "upper", _best_of_as_many, certified_gain, _bounds),
    ),
    tight_example=lambda: _set(np.zeros((3, 3)).tolist(), [3.0, 2.0, 1.0]),
    violated_example=lambda: _set(
        [[0.0, 0.0, -0.9], [0.0, 0.0, 0.0], [-0.9, 0.0, 0.0]], [1.0, 1.1, 1.0], 5.0
    ),
    draw=draw_selection_problems,
    functions=("certificate",),
)

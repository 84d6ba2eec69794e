"""10b: the relaxation of the choice is concave, exact at sets, and its maximum bounds them all."""

import numpy as np

from theory.arrays import Array
from theory.choice.block_split import BlockSplit
from theory.choice.choices import choices
from theory.choice.relaxation import relax, respond_to
from theory.choice.response import dual_upper, mean_lower
from theory.proofs.problems.quadratic import Problems
from theory.proofs.problems.selection import SelectionProblems, draw_selection_problems
from theory.proofs.t8_weak_submodularity import FLOOR
from theory.proofs.theorem import Bound, Theorem


def claimed_splits(p: SelectionProblems) -> list[BlockSplit]:
    """Each problem split as ``floor D + R`` with the floor that is claimed, true or not."""
    return [
        BlockSplit(
            q,
            q.whitened_gradient / np.sqrt(floor),
            (np.eye(p.problems.dimension) + q.whitened_coupling) / floor
            - np.eye(p.problems.dimension),
        )
        for q, floor in zip(p.quadratics, p.floor.tolist(), strict=True)
    ]


def exact_value(value: Array) -> Array:
    """10b: at the indicator of a set the relaxed gain is its gain."""
    return 1.0 * value


def _at_the_chosen(p: SelectionProblems) -> tuple[Array]:
    return (np.array([respond_to(split, p.chosen).value for split in claimed_splits(p)]),)


def _relaxed(p: SelectionProblems) -> tuple[Array, Array]:
    """Energy and best sum of prices of the iterate that proves most."""
    (allowed,) = choices(p.layers, p.size, None, range(p.layers))
    found = [relax(split, allowed).proof for split in claimed_splits(p)]
    return np.array([f.energy for f in found]), np.array([allowed.value(f.prices) for f in found])


def _ends(p: SelectionProblems) -> tuple[Array, Array]:
    """Weights that differ from layer to layer, and the same in the opposite order."""
    z = np.linspace(0.05, 1.0, p.layers)
    return z, z[::-1].copy()


def _middle(p: SelectionProblems) -> Array:
    z, other = _ends(p)
    return np.array([split.respond((z + other) / 2).value for split in claimed_splits(p)])


def _values(p: SelectionProblems) -> tuple[Array, Array]:
    z, other = _ends(p)
    splits = claimed_splits(p)
    first, second = ([s.respond(end).value for s in splits] for end in (z, other))
    return np.array(first), np.array(second)


def _tight() -> SelectionProblems:
    """No coupling, where the relaxed gain is linear; a synergistic pair, which 10c proves best."""
    M = np.zeros((2, 3, 3))
    M[1, 1, 2] = M[1, 2, 1] = -0.5
    problems = Problems.from_whitened(M, [[3.0, 2.0, 1.0], [0.1, 1.0, 1.0]], tuned=[1, 2])
    return SelectionProblems.of(problems, 2)


def _violated() -> SelectionProblems:
    """``N = 5 D`` exceeds the curvature: ``R`` is indefinite and the relaxed gain is convex."""
    M = np.zeros((3, 3))
    M[1, 2] = M[2, 1] = -0.5
    problems = Problems.from_whitened([M], [[0.1, 1.0, 1.0]], tuned=[1, 2])
    return SelectionProblems.of(problems, 2, floor=np.array([5.0]))


THEOREM = Theorem(
    id="10b",
    title="Concave relaxation, and prices",
    provenance="extension",
    statement=r"G(z) = \tfrac12 g'\bigl(R + N\,\mathrm{diag}(z)^{-1}\bigr)^{-1}g \text{ is concave"
    r" on } [0,1]^L,\ G(1_S) = G(S),\ \max_{\sum z = k} G(z) = \min_y \text{(10a)},\quad"
    r" \partial G/\partial z_l = \mathrm{price}_l",
    assumptions=(FLOOR,),
    bounds=(
        Bound("at a set", "equal", lambda p: p.gain(p.chosen), exact_value, _at_the_chosen),
        Bound("relaxed", "upper", lambda p: p.best_gain, dual_upper, _relaxed),
        Bound("concave", "lower", _middle, mean_lower, _values),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_selection_problems,
    functions=("certificate", "KernelQuadratic"),
)

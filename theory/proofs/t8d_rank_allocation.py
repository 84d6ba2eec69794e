"""8d: largest singular values first, and what coupling can change."""

import numpy as np

from theory.additivity_bounds.additivity import signed_gain_lower, signed_gain_upper
from theory.arrays import Array
from theory.proofs.problems.rank import RankProblems, draw_rank_problems, pair
from theory.proofs.theorem import Assumption, Bound, Theorem


def exact_sum(total: Array) -> Array:
    """8d: the sum of gains that the library allocates is the largest."""
    return 1.0 * total


def _allocated(problems: RankProblems) -> Array:
    return np.array([allocation.sum_of_gains for allocation in problems.allocations])


THEOREM = Theorem(
    id="8d",
    title="Rank allocation",
    provenance="extension",
    statement=r"\max\Big\{\tfrac12\sum_l\sum_{i\le r_l}\sigma_{li}^2 : c\sum_l r_l \le B\Big\}"
    r" \text{ by the largest } \sigma_{li};\quad \frac{1}{1+\mu_{\max}} \le"
    r" \frac{G(\text{allocated})}{\text{that sum}} \le \frac{1}{1+\mu_{\min}}",
    assumptions=(
        Assumption(
            r"\text{a unit of rank costs the same in every layer}",
            lambda p: np.full(len(p.values), len(set(p.costs)) == 1),
        ),
        Assumption(r"\mu_{\min} > -1", lambda p: p.coupling_range[0] > -1),
    ),
    bounds=(
        Bound("sum", "equal", lambda p: p.best_sum, exact_sum, lambda p: (_allocated(p),)),
        Bound(
            "joint gain at most",
            "upper",
            lambda p: p.joint_gain,
            signed_gain_upper,
            lambda p: (p.coupling_range[0], 2 * _allocated(p)),
        ),
        Bound(
            "joint gain at least",
            "lower",
            lambda p: p.joint_gain,
            signed_gain_lower,
            lambda p: (p.coupling_range[1], 2 * _allocated(p)),
        ),
    ),
    tight_example=lambda: pair(0.4, (1.0, 1.0), 2.0),
    violated_example=lambda: pair(0.4, (1.0, 2.0), 2.0),
    draw=draw_rank_problems,
    functions=("rank_allocation",),
)

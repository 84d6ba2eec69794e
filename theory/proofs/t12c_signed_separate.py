"""12c: separate training and the function's interaction term, each side by its own eigenvalue."""

import numpy as np

from theory.additivity_bounds.additivity import signed_separate_lower, signed_separate_upper
from theory.additivity_bounds.function_additivity import (
    interaction_term_lower,
    interaction_term_upper,
)
from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _interaction(p: Problems) -> Array:
    """``F(theta) - F(0) - sum_l (F(theta_l) - F(0))``."""
    together = p.value(p.theta)
    for layer in range(len(p.sizes)):
        together = together - p.value(np.where(p.layer == layer, p.theta, 0.0))
    return together


def _parts(p: Problems) -> Array:
    return p.norm(p.theta) ** 2


def _minus_lower(mu_min: Array, parts: Array) -> Array:
    """12c: what the term takes away at most, ``-interaction_term_lower``."""
    return np.asarray(-interaction_term_lower(mu_min, parts), dtype=np.float64)


def _tight() -> Problems:
    """Three redundant layers, ``mu`` from -0.3 to 0.6: gradient and displacement along each end."""
    M = 0.3 * (np.ones((3, 3)) - np.eye(3))
    ends = [[1.0] * 3, [1.0, -1.0, 0.0]]
    return Problems.from_whitened(M, ends, theta=ends)


def _violated() -> Problems:
    """A layer of negative curvature: its "solution" is a maximum, and the parts cancel."""
    return Problems(
        gradient=np.ones((1, 2)),
        curvature=np.array([[[1.0, 0.3], [0.3, -1.0]]]),
        sizes=(1, 1),
        tuned=(0,),
        theta=np.ones((1, 2)),
    )


THEOREM = Theorem[Problems](
    id="12c",
    title="Separate training, signed",
    provenance="extension",
    statement=r"1-\mu_{\max} \le \frac{-Q(\theta_{loc})}{\frac12\sum_l\mathrm{Res}_l^2} \le"
    r" 1-\mu_{\min} \ (\le 2),\qquad \tfrac12\mu_{\min} \le \frac{\frac12\theta'E_K\theta}"
    r"{\sum_l\theta_l'K_{ll}\theta_l} \le \tfrac12\mu_{\max}",
    assumptions=(Assumption("D > 0", lambda p: p.blocks_range[0] > 0),),
    bounds=(
        Bound(
            "gain at most",
            "upper",
            lambda p: -p.value(p.theta_separate),
            signed_separate_upper,
            lambda p: (p.coupling_range[0], p.energy),
        ),
        Bound(
            "gain at least",
            "lower",
            lambda p: -p.value(p.theta_separate),
            signed_separate_lower,
            lambda p: (p.coupling_range[1], p.energy),
        ),
        Bound(
            "interaction at most",
            "upper",
            _interaction,
            interaction_term_upper,
            lambda p: (p.coupling_range[1], _parts(p)),
        ),
        Bound(
            "interaction at least",
            "upper",
            lambda p: -_interaction(p),
            _minus_lower,
            lambda p: (p.coupling_range[0], _parts(p)),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity", "function_additivity"),
)

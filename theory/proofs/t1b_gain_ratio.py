"""1b: the joint gain against the sum of single gains."""

import numpy as np

from theory.additivity_bounds.additivity import gain_lower, gain_upper
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _tight() -> Problems:
    """Two scalar layers, ``u`` along each eigenvector of ``M``."""
    return Problems.from_whitened([[0.0, 0.3], [0.3, 0.0]], [[1.0, 1.0], [1.0, -1.0]])


def _violated() -> Problems:
    """Six redundant layers: ``H > 0`` and ``rho = 2.5``, where the upper side says nothing."""
    return Problems.from_whitened((np.ones((6, 6)) - np.eye(6)) / 2, np.ones(6))


THEOREM = Theorem[Problems](
    id="1b",
    title="Joint gain within a factor of the sum of gains",
    provenance="reconstruction",
    statement=r"\frac{1}{1+\rho} \le \frac{G(\mathrm{all})}{\frac12\sum_l \mathrm{Res}_l^2}"
    r" \le \frac{1}{1-\rho}",
    assumptions=(Assumption(r"\rho < 1", lambda p: p.rho < 1),),
    bounds=(
        Bound("upper", "upper", lambda p: p.gain, gain_upper, lambda p: (p.rho, p.energy)),
        Bound("lower", "lower", lambda p: p.gain, gain_lower, lambda p: (p.rho, p.energy)),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity",),
    figure="additivity_gap",
)

"""6: the gain of a set of layers within bounds set by their own coupling."""

import numpy as np

from theory.additivity_bounds.additivity import gain_lower, gain_upper
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _tight() -> Problems:
    """Two tuned layers, ``u_S`` along each eigenvector of ``M_SS``, and a frozen one."""
    M = [[0.0, 0.3, 0.5], [0.3, 0.0, 0.5], [0.5, 0.5, 0.0]]
    return Problems.from_whitened(M, [[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]], tuned=(0, 1))


def _violated() -> Problems:
    """Six redundant layers, all tuned: ``rho_S = 2.5``."""
    return Problems.from_whitened((np.ones((6, 6)) - np.eye(6)) / 2, np.ones(6))


THEOREM = Theorem[Problems](
    id="6",
    title="Spreading: the guarantee of a set of layers",
    provenance="reconstruction",
    statement=r"\frac{\frac12\sum_{l\in S}\mathrm{Res}_l^2}{1+\rho_S} \le G(S) \le"
    r" \frac{\frac12\sum_{l\in S}\mathrm{Res}_l^2}{1-\rho_S}",
    assumptions=(Assumption(r"\rho_S < 1", lambda p: p.rho_tuned < 1),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.gain_tuned,
            gain_upper,
            lambda p: (p.rho_tuned, p.energy_tuned),
        ),
        Bound(
            "lower",
            "lower",
            lambda p: p.gain_tuned,
            gain_lower,
            lambda p: (p.rho_tuned, p.energy_tuned),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity",),
    figure="spreading",
)

"""5a: how far the tuned layers move to compensate for the frozen ones."""

from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem
from theory.spreading.compensation import compensation_upper


def _tight() -> Problems:
    """One tuned layer and one frozen: ``rho_S = 0``, the only case in which 5a is attained."""
    return Problems.from_whitened([[0.0, 0.3], [0.3, 0.0]], [2.0, 1.0], tuned=(0,))


def _violated() -> Problems:
    """Three tuned layers of coupling 1.2 among themselves, ``H > 0``."""
    M = [[0.0, 0.6, 0.6, 0.3], [0.6, 0.0, 0.6, 0.3], [0.6, 0.6, 0.0, 0.3], [0.3, 0.3, 0.3, 0.0]]
    return Problems.from_whitened(M, [1.0, 1.0, 1.0, 1.0], tuned=(0, 1, 2))


THEOREM = Theorem[Problems](
    id="5a",
    title="Selective compensation is bounded",
    provenance="reconstruction",
    statement=r"\theta^*_S = \theta_{glob,S} + H_{SS}^{-1}H_{ST}\,\theta_{glob,T},\qquad"
    r" \|\theta^*_S - \theta_{glob,S}\|_D \le \frac{\rho}{1-\rho_S}\,\|\theta_{glob,T}\|_D",
    assumptions=(Assumption(r"\rho_S < 1", lambda p: p.rho_tuned < 1),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.norm(p.theta_tuned - p.keep(p.theta_joint, p.inside)),
            compensation_upper,
            lambda p: (p.rho, p.rho_tuned, p.norm(p.keep(p.theta_joint, p.outside))),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("compensation",),
)

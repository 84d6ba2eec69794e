"""5b: what freezing the other layers costs."""

from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption, Bound, Theorem
from theory.spreading.compensation import forgone_lower, forgone_upper


def _outside(p: Problems) -> Array:
    return p.norm(p.keep(p.theta_joint, p.outside))


def _tight() -> Problems:
    """A tuned layer apart; two frozen ones that move together, or against each other."""
    M = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.3], [0.0, 0.3, 0.0]]
    return Problems.from_whitened(M, [[1.0, 1.0, 1.0], [1.0, 1.0, -1.0]], tuned=(0,))


def _violated() -> Problems:
    """``H`` indefinite within ``S``: the tuned layers' answer stiffens the frozen one."""
    M = [[0.0, -1.5, 1.2], [-1.5, 0.0, 1.2], [1.2, 1.2, 0.0]]
    return Problems.from_whitened(M, [0.0, 0.0, 1.0], tuned=(0, 1))


THEOREM = Theorem[Problems](
    id="5b",
    title="Gain forgone by freezing layers",
    provenance="reconstruction",
    statement=r"G(\mathrm{all}) - G(S) = \tfrac12\,\theta_{glob,T}'"
    r"(H_{TT} - H_{TS}H_{SS}^{-1}H_{ST})\,\theta_{glob,T} \in"
    r" \Bigl[\tfrac{1-\rho}{2}, \tfrac{1+\rho}{2}\Bigr]\|\theta_{glob,T}\|_D^2",
    assumptions=(Assumption("H > 0", lambda p: p.positive),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.gain - p.gain_tuned,
            forgone_upper,
            lambda p: (p.rho, _outside(p)),
        ),
        Bound(
            "lower",
            "lower",
            lambda p: p.gain - p.gain_tuned,
            forgone_lower,
            lambda p: (p.rho, _outside(p)),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("compensation",),
)

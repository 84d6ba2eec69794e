"""1g: a lower bound that sees the gradient's own direction."""

from theory.additivity_bounds.additivity import aligned_gain_lower
from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, apply, draw_problems, inner
from theory.proofs.theorem import Assumption, Bound, Theorem


def _alignment(p: Problems) -> Array:
    u = p.whitened_gradient
    return inner(u, apply(p.whitened_coupling, u)) / inner(u, u)


def _tight() -> Problems:
    """Two scalar layers, ``u`` along each eigenvector of ``M``."""
    return Problems.from_whitened([[0.0, 0.3], [0.3, 0.0]], [[1.0, 1.0], [1.0, -1.0]])


def _violated() -> Problems:
    """Coupling 2, ``u`` mostly along the eigenvalue +2: ``1 + tau > 0`` and a saddle."""
    return Problems.from_whitened([[0.0, 2.0], [2.0, 0.0]], [2.0, 1.0])


THEOREM = Theorem[Problems](
    id="1g",
    title="Alignment of the gradient with the coupling",
    provenance="extension",
    statement=r"G(\mathrm{all}) \ge \frac{\frac12\sum_l \mathrm{Res}_l^2}{1+\tau},"
    r"\qquad \tau = \frac{u'Mu}{u'u} \in [\mu_{\min}, \mu_{\max}]",
    assumptions=(Assumption(r"\mu_{\min} > -1", lambda p: p.coupling_range[0] > -1),),
    bounds=(
        Bound(
            "lower",
            "lower",
            lambda p: p.gain,
            aligned_gain_lower,
            lambda p: (_alignment(p), p.energy),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity",),
)

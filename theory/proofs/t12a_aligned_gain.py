"""12a: the alignment bounds the gain from above, too."""

import numpy as np

from theory.additivity_bounds.additivity import aligned_gain_upper
from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, apply, draw_problems, inner
from theory.proofs.theorem import Assumption, Bound, Theorem


def _alignment(p: Problems) -> Array:
    u = p.whitened_gradient
    return inner(u, apply(p.whitened_coupling, u)) / inner(u, u)


def _tight() -> Problems:
    """Six redundant layers (``rho = 2.5``), ``u`` a mixture of both ends of the range."""
    M = (np.ones((6, 6)) - np.eye(6)) / 2
    return Problems.from_whitened(M, [[2.0, 0.0, 1.0, 1.0, 1.0, 1.0]])


def _violated() -> Problems:
    """Coupling -1.5 of two layers, and the gradient on a third apart: the chord is below 1 / x."""
    M = np.zeros((3, 3))
    M[0, 1] = M[1, 0] = -1.5
    return Problems.from_whitened(M, [0.0, 0.0, 1.0])


THEOREM = Theorem[Problems](
    id="12a",
    title="Alignment, from above",
    provenance="extension",
    statement=r"G(\mathrm{all}) \le \tfrac12\sum_l\mathrm{Res}_l^2\ "
    r"\frac{1+\mu_{\min}+\mu_{\max}-\tau}{(1+\mu_{\min})(1+\mu_{\max})},"
    r"\qquad \tau = \frac{u'Mu}{u'u}",
    assumptions=(Assumption(r"\mu_{\min} > -1", lambda p: p.coupling_range[0] > -1),),
    bounds=(
        Bound(
            "upper",
            "upper",
            lambda p: p.gain,
            aligned_gain_upper,
            lambda p: (_alignment(p), *p.coupling_range, p.energy),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("additivity",),
)

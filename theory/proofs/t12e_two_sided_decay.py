"""12e: a spread set has half of its neighbours on either side."""

import numpy as np

from theory.proofs.t6a_coupling_decay import DECAYING, Decaying
from theory.proofs.theorem import Assumption, Bound, Theorem
from theory.spreading.coupling_decay import two_sided_decay_upper


def _tight() -> Decaying:
    """The two ends of a model of six layers: 6a says twice as much."""
    M = np.array([[[0.0, 0.4], [0.4, 0.0]]])
    kappa = np.array([[0.0, 0.9, 0.8, 0.7, 0.6, 0.4]])
    return Decaying(M, (1, 1), (0, 5), kappa, np.full(1, 1.0), np.full(1, 0.1))


def _violated() -> Decaying:
    """Coupling that returns at distance 3, between the multiples of the gap 2."""
    M = np.zeros((1, 3, 3))
    M[0, 1, 2] = M[0, 2, 1] = 0.5
    kappa = np.array([[0.0, 0.0, 0.0, 0.5, 0.0, 0.0]])
    return Decaying(M, (1, 1, 1), (0, 2, 5), kappa, np.full(1, 0.5), np.full(1, 1.0))


THEOREM = Theorem[Decaying](
    id="12e",
    title="Coupling within a spread set, side by side",
    provenance="extension",
    statement=r"N = \Bigl\lfloor\frac{L-1}{q}\Bigr\rfloor:\quad \rho_S \le"
    r" \sum_{m=1}^{\lceil N/2\rceil}\kappa(mq) + \sum_{m=1}^{\lfloor N/2\rfloor}\kappa(mq)",
    assumptions=(Assumption(r"\kappa \text{ non-increasing}", lambda p: p.decreasing),),
    bounds=(
        Bound(
            "any decay",
            "upper",
            lambda p: p.rho,
            two_sided_decay_upper,
            lambda p: (p.kappa, p.gap),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=DECAYING,
    functions=("coupling_bound",),
    figure="spreading",
)

"""6b: spreading raises the guarantee, not always the gain."""

import numpy as np

from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, draw_problems, float64, solve
from theory.proofs.theorem import Assumption, Bound, Theorem
from theory.spreading.coupling_decay import interacting_gain, isotropic_gain_lower


def _coupling(p: Problems) -> Array:
    return p.whitened_coupling[:, p.inside][:, :, p.inside]


def _average(p: Problems) -> Array:
    """``tr(H_SS^{-1} D_SS) / 2``: the mean gain over ``E[g g'] = D``."""
    H, D = (matrix[:, p.inside][:, :, p.inside] for matrix in (p.curvature, p.blocks))
    return float64(0.5 * np.trace(np.linalg.solve(H, D), axis1=1, axis2=2))


def _solution(p: Problems) -> Array:
    M = _coupling(p)
    return solve(np.eye(M.shape[-1]) + M, p.whitened_gradient[:, p.inside])


def _tight() -> Problems:
    """Uncoupled layers for the average; any coupled ones for the sign."""
    M = np.array([[0.0, 0.3], [0.3, 0.0]])
    return Problems.from_whitened([np.zeros((2, 2)), M, -M], [[1.0, 1.0]] * 3)


def _violated() -> Problems:
    """Coupling 1.5: ``H`` is indefinite and the average gain negative at the saddle."""
    return Problems.from_whitened([[0.0, 1.5], [1.5, 0.0]], [1.0, 2.0])


THEOREM = Theorem[Problems](
    id="6b",
    title="Redundant or synergistic: the sign of interaction",
    provenance="extension",
    statement=r"\tfrac12\sum_{l\in S}\mathrm{Res}_l^2 - G(S) = \tfrac12\,v'M_{SS}(I+M_{SS})v,"
    r"\quad v=(I+M_{SS})^{-1}u_S;\qquad"
    r" \mathbb{E}_{u}[G(S)] = \tfrac12\operatorname{tr}(I+M_{SS})^{-1} \ge \tfrac12\dim S",
    assumptions=(Assumption("H > 0", lambda p: p.positive),),
    bounds=(
        Bound(
            "average",
            "lower",
            _average,
            isotropic_gain_lower,
            lambda p: (float(len(p.inside)),),
        ),
        Bound(
            "sign",
            "equal",
            lambda p: p.gain_tuned,
            interacting_gain,
            lambda p: (p.energy_tuned, _solution(p), _coupling(p)),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("interaction_cost", "isotropic_gain"),
    figure="spreading",
)

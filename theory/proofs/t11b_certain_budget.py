"""11b: a run short enough is in the paper's regime whatever its coupling."""

from dataclasses import replace

import numpy as np

from theory.additivity_bounds.budget_coupling import (
    certain_ridge,
    kept_shares,
    shared_coupling_upper,
)
from theory.arrays import Array, BoolArray
from theory.proofs.problems.quadratic import float64, spectrum_ends
from theory.proofs.t11a_step_budget_coupling import RIDGES, Ridges
from theory.proofs.theorem import Assumption, Bound, Theorem


def certain_ridges(curvatures: Array) -> Array:
    """11b: :func:`certain_ridge` of each problem."""
    return float64([certain_ridge(row) for row in curvatures])


def _semidefinite(p: Ridges) -> BoolArray:
    low, high = spectrum_ends(p.F)
    return np.asarray(low >= -1e-12 * high)


def _least_ridge(p: Ridges) -> Array:
    """Where the coupling falls to 1; 0 where it is below just above no ridge at all."""
    start = replace(p, reference=1e-6 * p.curvatures.max(axis=1))
    return np.where(start.rho > 1, start.least_ridge, 0.0)


def _tight() -> Ridges:
    """One direction that four layers of unlike curvature share."""
    root = np.sqrt([4.0, 1.0, 1.0, 0.25])
    return Ridges(np.outer(root, root)[None], (1,) * 4, np.zeros(1), np.full(1, 0.7))


def _violated() -> Ridges:
    """An indefinite matrix: the entries off the diagonal are larger than a curvature has them."""
    F = np.array([[[1.0, 3.0, 3.0], [3.0, 1.0, 3.0], [3.0, 3.0, 1.0]]])
    return Ridges(F, (1, 1, 1), np.zeros(1), np.full(1, 0.5))


THEOREM = Theorem[Ridges](
    id="11b",
    title="A budget that is additive whatever the coupling",
    provenance="extension",
    statement=r"F \ge 0:\quad \mu_{\max}(\nu) \le \lambda_{\max}\bigl(\sqrt t\sqrt t' -"
    r" \operatorname{diag} t\bigr),\qquad \sum_l \frac{\lambda_l}{2\lambda_l+\nu} < 1"
    r" \ \Rightarrow\ \rho(\nu) < 1",
    assumptions=(Assumption(r"F \ge 0", _semidefinite),),
    bounds=(
        Bound(
            "redundant end",
            "upper",
            lambda p: p.range_at(p.ridge)[1],
            shared_coupling_upper,
            lambda p: (kept_shares(p.curvatures, p.ridge, np.zeros_like(p.ridge)),),
        ),
        Bound(
            "ridge of the paper's regime",
            "upper",
            _least_ridge,
            certain_ridges,
            lambda p: (p.curvatures,),
            closeness=1e-8,
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=RIDGES,
    functions=("budget_coupling",),
    figure="step_budget_coupling",
)

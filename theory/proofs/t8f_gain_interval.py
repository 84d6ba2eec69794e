"""8f: an interval for the gain from matrix-vector products."""

import numpy as np

from theory.arrays import BoolArray
from theory.proofs.problems.interval import (
    IntervalProblems,
    draw_interval_problems,
    gauss_lower,
    radau_upper,
)
from theory.proofs.theorem import Assumption, Bound, Theorem


def _floor_holds(problems: IntervalProblems) -> BoolArray:
    low = problems.spectrum_ends[0]
    return np.asarray((problems.floor > 0) & (problems.floor <= low * (1 + 1e-9)))


def _example(floor: float) -> IntervalProblems:
    """A small eigenvalue that one step of Lanczos cannot see, and all steps."""
    return IntervalProblems(
        np.diag([0.1, 1.0, 2.0])[None],
        np.array([[1.0, 10.0, 1.0]]),
        np.array([floor]),
        3 if floor <= 0.1 else 1,
    )


THEOREM = Theorem(
    id="8f",
    title="Gain interval by Lanczos quadrature",
    provenance="extension",
    statement=r"\text{Gauss}_k \le \tfrac12 u^\top (I+M)^{-1} u \le \text{Gauss--Radau}_k(\gamma),"
    r"\quad 0 < \gamma \le 1+\mu_{\min}",
    assumptions=(Assumption(r"0 < \gamma \le 1+\mu_{\min}", _floor_holds),),
    bounds=(
        Bound(
            "Gauss",
            "lower",
            lambda p: p.gain,
            gauss_lower,
            lambda p: (p.matrix, p.whitened_gradient, p.floor, p.iterations),
        ),
        Bound(
            "Gauss-Radau",
            "upper",
            lambda p: p.gain,
            radau_upper,
            lambda p: (p.matrix, p.whitened_gradient, p.floor, p.iterations),
        ),
    ),
    tight_example=lambda: _example(0.1),
    violated_example=lambda: _example(0.9),
    draw=draw_interval_problems,
    functions=("gain_interval",),
)

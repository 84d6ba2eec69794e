"""4c: what T steps of gradient descent can gain."""

import numpy as np

from theory.arrays import Array
from theory.hardness.step_budget import (
    steps_gain_lower,
    steps_gain_upper,
    steps_gain_upper_by_residual,
)
from theory.proofs.problems.adapter import AdapterProblems, draw_adapter_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _descend(problems: AdapterProblems) -> Array:
    """Gain of the T steps, each taken on the samples."""
    A = np.zeros_like(problems.gradient)
    n = problems.features.shape[1]
    for _ in range(problems.steps):
        left = problems.residuals - problems.features @ A.swapaxes(1, 2)
        A = A + problems.step_size[:, None, None] * (left.swapaxes(1, 2) @ problems.features) / n
    return problems.decrease(A)


def _example(step_share: float, spread: float = 1.0) -> AdapterProblems:
    """Two features; tiny steps attain the upper side, one eigenvalue the lower."""
    features = np.array([[[1.0, 0.0], [0.0, spread]]])
    return AdapterProblems.from_samples(
        np.repeat(features, 2, axis=0),
        np.repeat(features @ np.array([[1.0], [2.0]]), 2, axis=0),
        step_share=np.array([step_share, 1e-10 if step_share <= 1 else step_share]),
    )


THEOREM = Theorem(
    id="4c",
    title="Step budget",
    provenance="reconstruction",
    statement=r"\text{gain}_T = \tfrac12\sum_i \frac{|c_i|^2}{\lambda_i}"
    r"\left(1-(1-\eta\lambda_i)^{2T}\right) \le \eta T \|C\|_F^2 \le \eta T \lambda_{\max}"
    r" \mathrm{Res}^2",
    assumptions=(
        Assumption(
            r"\eta \le 2/(\lambda_{\min}+\lambda_{\max}) \text{ (the lower side)}",
            lambda p: p.step_size * (p.spectrum[:, 0] + p.spectrum[:, -1]) <= 2 * (1 + 1e-12),
        ),
    ),
    bounds=(
        Bound(
            "by the gradient",
            "upper",
            _descend,
            steps_gain_upper,
            lambda p: (p.step_size, p.steps, p.slope),
        ),
        Bound(
            "by the residual norm",
            "upper",
            _descend,
            steps_gain_upper_by_residual,
            lambda p: (p.step_size, p.steps, p.spectrum[:, -1], p.residual_norm),
        ),
        Bound(
            "at least",
            "lower",
            _descend,
            steps_gain_lower,
            lambda p: (p.step_size, p.steps, p.spectrum[:, 0], p.residual_norm),
        ),
    ),
    tight_example=lambda: _example(0.5),
    violated_example=lambda: _example(3.0),
    draw=draw_adapter_problems,
    functions=("StepBudget",),
    figure="amplification_and_steps",
)

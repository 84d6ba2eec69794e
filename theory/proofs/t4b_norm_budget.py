"""4b: what an adapter of bounded norm can gain."""

import numpy as np

from theory.arrays import Array, BoolArray
from theory.hardness.adapter_gain import best_gain
from theory.hardness.norm_budget import best_norm_lower, budgeted_gain, budgeted_gain_upper
from theory.proofs.problems.adapter import AdapterProblems, draw_adapter_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def budgeted_gains(problems: AdapterProblems) -> Array:
    """The exact budgeted gain of each problem, by the library."""
    pairs = zip(problems.adapters, problems.budget.tolist(), strict=True)
    return np.array([budgeted_gain(adapter, budget).gain for adapter, budget in pairs])


def exact_gain(gain: Array) -> Array:
    """4b: the trust-region value itself, which no adapter within the budget exceeds."""
    return 1.0 * gain


def _within(problems: AdapterProblems) -> BoolArray:
    norm = np.linalg.norm(problems.trial, axis=(1, 2))
    return np.asarray(norm <= problems.budget * (1 + 1e-9))


def _slack() -> AdapterProblems:
    """One eigenvalue, budgets at and far below the best norm: each side of the minimum once."""
    features = np.array([[[1.0, 0.0], [0.0, 1.0]]]) * np.sqrt(2.0)
    residuals = features @ np.array([[3.0], [4.0]])
    both = np.repeat(features, 2, axis=0), np.repeat(residuals, 2, axis=0)
    budget = np.array([5.0, 5e-10])
    trial = np.array([[[3.0, 4.0]]]) * (budget / 5.0)[:, None, None]
    return AdapterProblems.from_samples(*both, trial=trial, budget=budget)


def _beyond() -> AdapterProblems:
    """The best adapter is tried although it is larger than the budget."""
    features = np.array([[[1.0, 0.0], [0.0, 1.0]]]) * np.sqrt(2.0)
    residuals = features @ np.array([[3.0], [4.0]])
    return AdapterProblems.from_samples(features, residuals, budget=np.array([1.0]))


THEOREM = Theorem(
    id="4b",
    title="Norm budget",
    provenance="reconstruction",
    statement=r"\|A^*\|_F \ge \frac{\mathrm{Res}}{\sqrt{\lambda_{\max}}} \ge"
    r" \frac{\mathrm{Res}}{\sqrt{E_{\text{act}}}};\quad \max_{\|A\|_F \le B} \text{gain} \le"
    r" \min(\tfrac12\mathrm{Res}^2,\ B\|C\|_F)",
    assumptions=(Assumption(r"\|A\|_F \le B", _within),),
    bounds=(
        Bound(
            "norm of the best adapter",
            "lower",
            lambda p: np.linalg.norm(p.least_squares, axis=(1, 2)),
            best_norm_lower,
            lambda p: (p.residual_norm, p.spectrum[:, -1]),
        ),
        Bound(
            "by the residual norm", "upper", budgeted_gains, best_gain, lambda p: (p.residual_norm,)
        ),
        Bound(
            "by the gradient norm",
            "upper",
            budgeted_gains,
            budgeted_gain_upper,
            lambda p: (p.budget, p.slope),
        ),
        Bound(
            "any adapter within the budget",
            "upper",
            lambda p: p.decrease(p.trial),
            exact_gain,
            lambda p: (budgeted_gains(p),),
        ),
    ),
    tight_example=_slack,
    violated_example=_beyond,
    draw=draw_adapter_problems,
    functions=("budgeted_gain",),
)

"""3c: what a LoRA adapter of rank r can gain at best (reduced-rank regression)."""

import numpy as np

from theory.arrays import Array, BoolArray
from theory.hardness.adapter_gain import rank_gain
from theory.proofs.problems.adapter import AdapterProblems, draw_adapter_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _whitened_singular_values(problems: AdapterProblems) -> Array:
    """Of ``C Sigma^{-1/2}``, padded with zeros to one length."""
    return np.stack([adapter.singular_values for adapter in problems.adapters])


def _attained(problems: AdapterProblems) -> Array:
    """Decrease by the product of the library's LoRA factors."""
    products = [B @ A for B, A in (a.factors(problems.rank) for a in problems.adapters)]
    return problems.decrease(np.stack(products))


def _low_rank(problems: AdapterProblems) -> BoolArray:
    s = np.linalg.svd(problems.trial, compute_uv=False)
    return np.asarray((s[:, problems.rank :] <= 1e-9 * s[:, :1]).all(axis=1))


def _example(trial: list[list[float]] | None) -> AdapterProblems:
    """Whitened singular values 3 and 2; the best adapter of rank one keeps the first."""
    features = np.sqrt(2.0) * np.array([[[1.0, 0.0], [0.0, 2.0]]])
    targets = np.array([[3.0, 0.0], [0.0, 1.0]])
    return AdapterProblems.from_samples(
        features,
        features @ targets.T,
        trial=None if trial is None else np.array([trial]),
        rank=1,
    )


THEOREM = Theorem(
    id="3c",
    title="Best gain of a rank-r adapter",
    provenance="extension",
    statement=r"\max_{\operatorname{rank} A \le r} \text{gain} = \tfrac12 \sum_{i \le r}"
    r" \sigma_i(C\Sigma^{-1/2})^2,\quad A^* = [C\Sigma^{-1/2}]_r\,\Sigma^{-1/2}",
    assumptions=(Assumption(r"\operatorname{rank} A \le r", _low_rank),),
    bounds=(
        Bound(
            "attained",
            "equal",
            _attained,
            rank_gain,
            lambda p: (_whitened_singular_values(p), p.rank),
        ),
        Bound(
            "any adapter of the rank",
            "upper",
            lambda p: p.decrease(p.trial),
            rank_gain,
            lambda p: (_whitened_singular_values(p), p.rank),
        ),
    ),
    tight_example=lambda: _example([[3.0, 0.0], [0.0, 0.0]]),
    violated_example=lambda: _example(None),
    draw=draw_adapter_problems,
    functions=("projected_residual_norm", "LinearAdapter"),
)

"""3a: the best linear adapter and its gain."""

import numpy as np

from theory.hardness.adapter_gain import best_gain
from theory.proofs.problems.adapter import AdapterProblems, draw_adapter_problems
from theory.proofs.theorem import Assumption, Bound, Theorem

FEATURES = np.array([[[2.0, 0.0], [1.0, 1.0], [0.0, -1.0]]])
RESIDUALS = np.array([[[1.0], [2.0], [-3.0]]])


def _centred() -> AdapterProblems:
    """The covariance of features whose mean is not zero stands in for their second moment."""
    mean = FEATURES.mean(axis=1, keepdims=True)
    centred = (FEATURES - mean).swapaxes(1, 2) @ (FEATURES - mean) / FEATURES.shape[1]
    return AdapterProblems.from_samples(FEATURES, RESIDUALS, moment=centred)


def uncentred(problems: AdapterProblems) -> np.ndarray:
    """Whether ``Sigma`` is the samples' uncentred second moment."""
    gap = np.abs(problems.moment - problems.true_moment).max(axis=(1, 2))
    return np.asarray(gap <= 1e-9 * np.abs(problems.true_moment).max(axis=(1, 2)))


UNCENTRED = Assumption(r"\Sigma = \mathbb{E}[hh^\top]\ \text{(uncentred)}", uncentred)

THEOREM = Theorem(
    id="3a",
    title="Residual norm is the normalised gradient norm",
    provenance="reconstruction",
    statement=r"\max_A \tfrac12\mathbb{E}\|r\|^2 - \tfrac12\mathbb{E}\|r-Ah\|^2 = \tfrac12"
    r"\mathrm{Res}^2,\quad \mathrm{Res} = \|C\Sigma^{-1/2}\|_F,\quad A^* = C\Sigma^{-1}",
    assumptions=(UNCENTRED,),
    bounds=(
        Bound(
            "gain",
            "equal",
            lambda p: p.decrease(p.least_squares),
            best_gain,
            lambda p: (p.residual_norm,),
        ),
        Bound(
            "adapter",
            "equal",
            lambda p: p.decrease(np.stack([adapter.best() for adapter in p.adapters])),
            best_gain,
            lambda p: (p.residual_norm,),
        ),
        Bound(
            "any adapter",
            "upper",
            lambda p: p.decrease(p.trial),
            best_gain,
            lambda p: (p.residual_norm,),
        ),
    ),
    tight_example=lambda: AdapterProblems.from_samples(FEATURES, RESIDUALS),
    violated_example=_centred,
    draw=draw_adapter_problems,
    functions=("projected_residual_norm", "LinearAdapter"),
)

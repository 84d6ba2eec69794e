"""3b: the residual norm between two multiples of the gradient norm."""

import numpy as np

from theory.arrays import Array, BoolArray
from theory.hardness.adapter_gain import residual_norm_lower, residual_norm_upper
from theory.proofs.problems.adapter import AdapterProblems, draw_adapter_problems
from theory.proofs.problems.quadratic import float64
from theory.proofs.theorem import Assumption, Bound, Theorem


def _residual_norm(problems: AdapterProblems) -> Array:
    """``sqrt(tr(C Sigma^+ C'))``, with the pseudo-inverse written out."""
    inverse = np.linalg.pinv(problems.moment, rcond=1e-13, hermitian=True)
    C = problems.gradient
    return float64(np.sqrt(np.einsum("kmd,kde,kme->k", C, inverse, C)))


def _in_range(problems: AdapterProblems) -> BoolArray:
    inverse = np.linalg.pinv(problems.moment, rcond=1e-13, hermitian=True)
    outside = problems.gradient - problems.gradient @ inverse @ problems.moment
    gap = np.linalg.norm(outside, axis=(1, 2))
    return np.asarray(gap <= 1e-6 * np.maximum(problems.slope, 1e-300))


def _isotropic() -> AdapterProblems:
    return AdapterProblems.from_samples(2.0 * np.eye(3)[None], np.array([[[1.0], [-2.0], [0.5]]]))


def _outside() -> AdapterProblems:
    """The gradient has a part along a feature that never fires."""
    features = np.array([[[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]]])
    return AdapterProblems.from_samples(
        features, np.ones((1, 3, 1)), gradient=np.array([[[1.0, 5.0]]])
    )


THEOREM = Theorem(
    id="3b",
    title="Residual norm against the gradient norm",
    provenance="reconstruction",
    statement=r"\frac{\|C\|_F}{\sqrt{\lambda_{\max}}} \le \mathrm{Res} \le"
    r" \frac{\|C\|_F}{\sqrt{\lambda_{\min}}}",
    assumptions=(
        Assumption(
            r"C \text{ lies in the range of } \Sigma;\ \lambda_{\min} \text{ is over that range}",
            _in_range,
        ),
    ),
    bounds=(
        Bound(
            "lower",
            "lower",
            _residual_norm,
            residual_norm_lower,
            lambda p: (p.slope, p.spectrum[:, -1]),
        ),
        Bound(
            "upper",
            "upper",
            _residual_norm,
            residual_norm_upper,
            lambda p: (p.slope, p.smallest_positive),
        ),
    ),
    tight_example=_isotropic,
    violated_example=_outside,
    draw=draw_adapter_problems,
    functions=("projected_residual_norm",),
)

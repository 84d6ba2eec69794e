"""4d: what the trace says about conditioning, and what it cannot say."""

import numpy as np

from theory.arrays import Array
from theory.hardness.noise import amplification_lower, amplification_upper, effective_rank_lower
from theory.hardness.spectrum import Spectrum
from theory.proofs.problems.adapter import AdapterProblems, draw_adapter_problems
from theory.proofs.problems.quadratic import float64
from theory.proofs.theorem import Assumption, Bound, Theorem


def _spectra(problems: AdapterProblems) -> list[Spectrum]:
    return [adapter.inputs for adapter in problems.adapters]


def _amplification(problems: AdapterProblems) -> Array:
    """``tr(Sigma^{-1})`` by inverting."""
    return float64(np.trace(np.linalg.inv(problems.moment), axis1=1, axis2=2))


def _effective_rank(problems: AdapterProblems) -> Array:
    """``(tr Sigma)^2 / tr(Sigma^2)``."""
    return float64(
        np.trace(problems.moment, axis1=1, axis2=2) ** 2
        / np.square(problems.moment).sum(axis=(1, 2))
    )


def _problem(eigenvalues: list[float], claimed: list[float] | None = None) -> AdapterProblems:
    features = np.diag(np.sqrt(len(eigenvalues) * np.array(eigenvalues)))[None]
    moment = None if claimed is None else np.diag(claimed)[None]
    return AdapterProblems.from_samples(features, np.ones((1, len(eigenvalues), 1)), moment=moment)


def _smallest(problems: AdapterProblems) -> Array:
    """``lambda_min`` as the library reports it from the moment that it was given."""
    return np.array([spectrum.smallest for spectrum in _spectra(problems)])


def _true_amplification(problems: AdapterProblems) -> Array:
    return float64(np.trace(np.linalg.inv(problems.true_moment), axis1=1, axis2=2))


THEOREM = Theorem(
    id="4d",
    title="The trace does not bound the conditioning from above",
    provenance="extension",
    statement=r"\frac{d^2}{E_{\text{act}}} \le \operatorname{tr}\Sigma^{-1} \le"
    r" \frac{d}{\lambda_{\min}};\quad \frac{(\sum\lambda)^2}{\sum\lambda^2} \ge"
    r" \frac{4d\kappa}{(1+\kappa)^2};\quad E_{\text{act}} \text{ alone bounds neither from above}",
    assumptions=(
        Assumption(
            r"\lambda_{\min} \text{ is known, not only } E_{\text{act}}",
            lambda p: np.linalg.eigvalsh(p.true_moment)[:, 0] >= _smallest(p) * (1 - 1e-9),
        ),
    ),
    bounds=(
        Bound(
            "amplification at least",
            "lower",
            _amplification,
            amplification_lower,
            lambda p: (p.spectrum.shape[1], np.array([s.energy for s in _spectra(p)])),
        ),
        Bound(
            "amplification at most",
            "upper",
            _true_amplification,
            amplification_upper,
            lambda p: (p.spectrum.shape[1], _smallest(p)),
        ),
        Bound(
            "effective rank at least",
            "lower",
            _effective_rank,
            effective_rank_lower,
            lambda p: (
                p.spectrum.shape[1],
                np.array([s.condition_number for s in _spectra(p)]),
            ),
        ),
    ),
    # The same trace, read as if it were spread evenly.
    tight_example=lambda: _problem([2.0, 2.0]),
    violated_example=lambda: _problem([3.999, 0.001], claimed=[2.0, 2.0]),
    draw=draw_adapter_problems,
    functions=("Spectrum",),
    figure="amplification_and_steps",
)

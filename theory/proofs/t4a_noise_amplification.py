"""4a: noise in the labels becomes error in the adapter, not in its in-sample predictions."""

import numpy as np

from theory.arrays import Array
from theory.hardness.noise import parameter_error, parameter_error_lower, prediction_error
from theory.hardness.spectrum import Spectrum
from theory.proofs.problems.noise import NoiseProblems, draw_noise_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _spectra(problems: NoiseProblems) -> list[Spectrum]:
    return [Spectrum.from_moment(Sigma) for Sigma in problems.moment]


def _amplification(problems: NoiseProblems) -> Array:
    return np.array([spectrum.noise_amplification for spectrum in _spectra(problems)])


def _energy(problems: NoiseProblems) -> Array:
    return np.array([spectrum.energy for spectrum in _spectra(problems)])


def _example(signs: Array | None = None) -> NoiseProblems:
    """An isotropic design with four samples."""
    features = np.array([[[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]]])
    truth, deviation = np.array([[[1.0, -1.0]]]), np.array([0.5])
    if signs is None:
        return NoiseProblems.independent(features, truth, deviation)
    return NoiseProblems(features, truth, deviation, signs)


def _dependent() -> NoiseProblems:
    """One sign for all samples, as if the tokens of a sequence were independent."""
    return _example(np.array([1.0, -1.0])[:, None, None] * np.ones((1, 4, 1)))


UNCORRELATED: Assumption[NoiseProblems] = Assumption(
    r"\text{noise of mean 0 and variance } s^2, \text{ uncorrelated over samples and outputs}",
    lambda p: np.full(len(p.deviation), p.covariance_gap < 1e-12),
)

THEOREM = Theorem(
    id="4a",
    title="Noise amplification",
    provenance="reconstruction",
    statement=r"\mathbb{E}\|\hat A - A^*\|_F^2 = \frac{s^2 m \operatorname{tr}\hat\Sigma^{-1}}{n}"
    r" \ge \frac{s^2 m d^2}{n E_{\text{act}}};\quad \text{in-sample } \mathbb{E}\|(\hat A - A^*)"
    r"h\|^2 = \frac{s^2 m d}{n}",
    assumptions=(UNCORRELATED,),
    bounds=(
        Bound(
            "parameter error",
            "equal",
            lambda p: p.parameter_error,
            parameter_error,
            lambda p: (p.deviation**2, p.outputs, _amplification(p), p.samples),
        ),
        Bound(
            "parameter error at least",
            "lower",
            lambda p: p.parameter_error,
            parameter_error_lower,
            lambda p: (p.deviation**2, p.outputs, p.inputs, _energy(p), p.samples),
        ),
        Bound(
            "prediction error",
            "equal",
            lambda p: p.prediction_error,
            prediction_error,
            lambda p: (p.deviation**2, p.outputs, p.inputs, p.samples),
        ),
    ),
    tight_example=_example,
    violated_example=_dependent,
    draw=draw_noise_problems,
    functions=("Spectrum",),
    figure="amplification_and_steps",
)

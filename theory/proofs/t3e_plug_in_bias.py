"""3e: noise alone has a residual norm; the plug-in estimate counts it."""

import numpy as np

from theory.hardness.noise import plug_in_bias
from theory.proofs.problems.noise import NoiseProblems, draw_noise_problems
from theory.proofs.t4a_noise_amplification import UNCORRELATED
from theory.proofs.theorem import Bound, Theorem

FEATURES = np.array([[[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]]])


def _independent() -> NoiseProblems:
    return NoiseProblems.independent(FEATURES, np.zeros((1, 1, 2)), np.array([0.5]))


def _dependent() -> NoiseProblems:
    """One sign for all samples: a residual with a mean, or one sequence taken for many."""
    signs = np.array([1.0, -1.0])[:, None, None] * np.ones((1, 4, 1))
    return NoiseProblems(FEATURES, np.zeros((1, 1, 2)), np.array([0.5]), signs)


THEOREM = Theorem(
    id="3e",
    title="Plug-in bias of the residual norm",
    provenance="extension",
    statement=r"r \perp h:\quad \mathbb{E}[\widehat{\mathrm{Res}}^2] ="
    r" \mathbb{E}\|r\|^2\,\frac{\operatorname{rank}\,(h_1..h_n)}{n}",
    assumptions=(UNCORRELATED,),
    bounds=(
        Bound(
            "bias",
            "equal",
            lambda p: p.plug_in,
            plug_in_bias,
            lambda p: (p.deviation**2 * p.outputs, p.rank, p.samples),
        ),
    ),
    tight_example=_independent,
    violated_example=_dependent,
    draw=draw_noise_problems,
    functions=("projected_residual_norm", "cross_fitted_norm"),
    figure="finite_sample_bias",
)

"""12d: the interaction's norm by two layers, and the coupling by the norm of norms."""

import numpy as np

from theory.additivity_bounds.interaction_norm import (
    block_norms,
    norm_of_norms,
    sharp_interaction_lower,
    sharp_interaction_upper,
)
from theory.arrays import Array, Float64
from theory.proofs.problems.quadratic import Problems, draw_problems, spectrum_ends
from theory.proofs.theorem import Assumption, Bound, Theorem


def _norm(p: Problems) -> Array:
    low, high = spectrum_ends(p.interaction)
    return np.maximum(-low, high)


def _ends(p: Problems) -> tuple[Float64[Array, "n layers"], Float64[Array, "n layers"]]:
    """Smallest and largest eigenvalue of each layer's block, in ascending order of layers' own."""
    stops = np.cumsum(p.sizes).tolist()
    parts = [slice(stop - size, stop) for stop, size in zip(stops, p.sizes, strict=True)]
    ends = [spectrum_ends(p.curvature[:, at, at]) for at in parts]
    low, high = (np.sort(np.stack(side, axis=1), axis=1) for side in zip(*ends, strict=True))
    return low, high


def _tight() -> Problems:
    """Coupled: the two layers of most curvature; of least; and a star, its norm no row sum."""
    M = np.zeros((3, 3, 3))
    M[:, 0, 1] = M[:, 1, 0] = 0.3
    M[2, 0, 2] = M[2, 2, 0] = 0.2
    C = np.stack([np.diag([3.0, 1.0, 0.5]), np.diag([1.0, 3.0, 9.0]), 2 * np.eye(3)])
    return Problems.from_whitened(M, np.ones((3, 3)), factor=C)


def _violated() -> Problems:
    """A negative block: its eigenvalues are no norms."""
    return Problems(
        gradient=np.ones((1, 2)),
        curvature=np.array([[[-4.0, 0.6], [0.6, 1.0]]]),
        sizes=(1, 1),
        tuned=(0,),
        theta=np.ones((1, 2)),
    )


THEOREM = Theorem[Problems](
    id="12d",
    title="Interaction norm by two layers",
    provenance="extension",
    statement=r"\sqrt{\lambda_{\min}^{(1)}\lambda_{\min}^{(2)}}\,\rho \le \|E\|_2 \le"
    r" \sqrt{\lambda_{\max}^{(1)}\lambda_{\max}^{(2)}}\,\rho \text{ (the two extreme layers)},"
    r"\qquad \rho \le \lambda_{\max}\bigl(\|M_{ij}\|_2\bigr)",
    assumptions=(Assumption("D > 0", lambda p: p.blocks_range[0] > 0),),
    bounds=(
        Bound(
            "upper",
            "upper",
            _norm,
            sharp_interaction_upper,
            lambda p: (p.rho, _ends(p)[1][:, -1], _ends(p)[1][:, -2]),
        ),
        Bound(
            "lower",
            "lower",
            _norm,
            sharp_interaction_lower,
            lambda p: (p.rho, _ends(p)[0][:, 0], _ends(p)[0][:, 1]),
        ),
        Bound(
            "coupling",
            "upper",
            lambda p: p.rho,
            norm_of_norms,
            lambda p: (block_norms(p.whitened_coupling, p.sizes),),
        ),
    ),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("interaction_norm",),
)

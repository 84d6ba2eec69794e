"""5c: the gain of one more layer, from the Schur complement."""

import numpy as np

from theory.arrays import Array
from theory.proofs.problems.quadratic import Problems, draw_problems, solve
from theory.proofs.theorem import Assumption, Bound, Theorem
from theory.spreading.compensation import gain_after


def _added(p: Problems) -> list[int]:
    """Coordinates of the layer that joins: the first one outside."""
    return [i for i in p.outside if p.layer[i] == p.layer[p.outside[0]]]


def _gain_with(p: Problems) -> Array:
    """``G(S + j)``, infinite where ``H`` is not positive on these layers."""
    at = p.inside + _added(p)
    H, g = p.curvature[:, at][:, :, at], p.gradient[:, at]
    gain = 0.5 * (g * solve(H, g)).sum(axis=1)
    return np.where(np.linalg.eigvalsh(H)[:, 0] > 0, gain, np.inf)


def _arguments(p: Problems) -> tuple[Array, Array, Array]:
    S, j = p.inside, _added(p)
    u, M = p.whitened_gradient, p.whitened_coupling
    across = M[:, j][:, :, S]
    inner = np.eye(len(S)) + M[:, S][:, :, S]
    schur = np.eye(len(j)) - across @ np.linalg.solve(inner, across.swapaxes(1, 2))
    surprise = u[:, j] - (across @ np.linalg.solve(inner, u[:, S][..., None]))[..., 0]
    return p.gain_tuned, surprise, schur


def _tight() -> Problems:
    """An equality: any instance."""
    M = [[0.0, 0.3, 0.2], [0.3, 0.0, -0.4], [0.2, -0.4, 0.0]]
    return Problems.from_whitened(M, [1.0, 2.0, 3.0], tuned=(0, 1))


def _violated() -> Problems:
    """The new layer makes ``H`` indefinite: the gain is unbounded, the formula is not."""
    return Problems.from_whitened([[0.0, 1.5], [1.5, 0.0]], [1.0, 2.0], tuned=(0,))


THEOREM = Theorem[Problems](
    id="5c",
    title="Marginal gain of one more layer",
    provenance="extension",
    statement=r"G(S\cup\{j\}) - G(S) ="
    r" \tfrac12\,w'\bigl(I - M_{jS}(I+M_{SS})^{-1}M_{Sj}\bigr)^{-1}w,"
    r"\qquad w = u_j - M_{jS}(I+M_{SS})^{-1}u_S",
    assumptions=(Assumption("H > 0", lambda p: p.positive),),
    bounds=(Bound("gain", "equal", _gain_with, gain_after, _arguments),),
    tight_example=_tight,
    violated_example=_violated,
    draw=draw_problems,
    functions=("marginal_gain",),
)

"""How strongly layers interact, pair by pair and in total."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from theory import BlockQuadratic
from theory.arrays import Array, Float64


@dataclass(frozen=True)
class Coupling:
    """The whitened coupling ``M`` of a quadratic, summarised.

    Attributes
    ----------
    rho : float
        ``||M||_2`` (paper's definition), within the card's directions: the full one is no smaller.
    lowest, highest : float
        Extreme eigenvalues ``mu_min, mu_max`` of ``M``.
    alignment : float or None
        ``u'Mu / u'u``; positive: layers are redundant along the gradient, negative: synergistic.
    norms : array of shape (L, L)
        ``||M_ij||_2``: the cosine of the smallest principal angle between two layers.
    signed : array of shape (L, L)
        ``u_i'M_ij u_j / (||u_i|| ||u_j||)``: the part of it along the gradient, with its sign.
    """

    rho: float
    lowest: float
    highest: float
    alignment: float | None
    norms: Float64[Array, "L L"]
    signed: Float64[Array, "L L"]

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return {
            "rho": self.rho,
            "range": [self.lowest, self.highest],
            "alignment": self.alignment,
            "matrix": self.norms.tolist(),
            "signed_matrix": self.signed.tolist(),
        }


def coupling(quadratic: BlockQuadratic) -> Coupling:
    """Summarise the coupling of ``quadratic``.

    Examples
    --------
    >>> import numpy as np
    >>> pair = BlockQuadratic(np.array([1.0, 1.0]), np.array([[1.0, 0.5], [0.5, 1.0]]), (1, 1))
    >>> record = coupling(pair)
    >>> record.norms.round(6).tolist(), round(float(record.signed[0, 1]), 6), round(record.rho, 6)
    ([[0.0, 0.5], [0.5, 0.0]], 0.5, 0.5)
    """
    M, u = quadratic.whitened_coupling, quadratic.whitened_gradient
    lengths = quadratic.residual_norms
    direction = np.zeros((len(u), quadratic.layers))
    norms = np.zeros((quadratic.layers, quadratic.layers))
    for layer, block in enumerate(quadratic.slices):
        if lengths[layer] > 0:
            direction[block, layer] = u[block] / lengths[layer]
        for other, columns in enumerate(quadratic.slices[:layer]):
            norms[layer, other] = norms[other, layer] = np.linalg.norm(M[block, columns], 2)
    lowest, highest = quadratic.coupling_range
    total = float(u @ u)
    return Coupling(
        rho=float(quadratic.coupling),
        lowest=float(lowest),
        highest=float(highest),
        alignment=float(u @ M @ u) / total if total > 0 else None,
        norms=norms,
        signed=direction.T @ M @ direction,
    )

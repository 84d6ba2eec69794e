"""The norm of the interaction against the coupling (section 2)."""

from dataclasses import dataclass

import numpy as np

from theory.arrays import Array, Float64
from theory.block_quadratic import BlockQuadratic

Scalars = Array | float


def interaction_upper(rho: Scalars, largest: Scalars) -> Scalars:
    """2: ``||E|| <= lambda_max(D) rho``."""
    return largest * rho


def interaction_lower(rho: Scalars, smallest: Scalars) -> Scalars:
    """2: ``||E|| >= lambda_min(D) rho``."""
    return smallest * rho


def block_gershgorin(norms: Float64[Array, "... layers layers"]) -> Array:
    """2a: ``rho <= max_i sum_{j != i} ||M_ij||``, from the norms of the blocks of ``M``.

    Examples
    --------
    >>> float(block_gershgorin(np.array([[0.0, 0.2, 0.1], [0.2, 0.0, 0.4], [0.1, 0.4, 0.0]])))
    0.6000000000000001
    """
    return np.asarray(np.asarray(norms).sum(axis=-1).max(axis=-1), dtype=np.float64)


def block_norms(matrix: Array, sizes: tuple[int, ...]) -> Float64[Array, "... layers layers"]:
    """Spectral norms of the blocks of ``matrix``, shape (..., p, p), over its last two axes.

    Of a whitened coupling they are the cosines of the smallest principal angles between layers.

    Examples
    --------
    >>> block_norms(np.array([[0.0, 3.0, 4.0], [3.0, 0.0, 0.0], [4.0, 0.0, 0.0]]), (1, 2))
    array([[0., 5.],
           [5., 0.]])
    """
    ends = np.cumsum(sizes).tolist()
    slices = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    if max(sizes) == 1:
        return np.abs(matrix)
    norms = np.empty((*matrix.shape[:-2], len(sizes), len(sizes)))
    for i, rows in enumerate(slices):
        for j, columns in enumerate(slices):
            norms[..., i, j] = np.linalg.norm(matrix[..., rows, columns], 2, axis=(-2, -1))
    return norms


@dataclass(frozen=True)
class InteractionNorm:
    """``||E||`` (in the unit of the curvature) between its bounds, and ``rho`` below its own.

    Attributes
    ----------
    norm, lower, upper
        ``lambda_min(D) rho <= ||E||_2 <= lambda_max(D) rho``.
    coupling, gershgorin
        ``rho`` and the block Gershgorin bound on it.
    """

    norm: float
    lower: float
    upper: float
    coupling: float
    gershgorin: float


def interaction_norm(quadratic: BlockQuadratic) -> InteractionNorm:
    """Compare the raw interaction ``E`` with the coupling ``rho``.

    Notes
    -----
    Provenance: reconstruction of Lemma A.1; block Gershgorin is Feingold & Varga (1962).

    Examples
    --------
    >>> H = np.array([[4.0, 1.0], [1.0, 1.0]])
    >>> record = interaction_norm(BlockQuadratic(np.ones(2), H, (1, 1)))
    >>> record.lower, record.norm, record.upper           # rho = 1 / sqrt(4 * 1)
    (0.5, 1.0, 2.0)
    """
    E = quadratic.curvature.copy()
    ends: list[float] = []
    for block in quadratic.slices:
        ends.extend(np.linalg.eigvalsh(E[block, block])[[0, -1]].tolist())
        E[block, block] = 0.0
    rho = quadratic.coupling
    values = np.linalg.eigvalsh(E)
    return InteractionNorm(
        norm=float(np.abs(values[[0, -1]]).max()),
        lower=float(interaction_lower(rho, min(ends))),
        upper=float(interaction_upper(rho, max(ends))),
        coupling=rho,
        gershgorin=float(
            block_gershgorin(block_norms(quadratic.whitened_coupling, quadratic.sizes))
        ),
    )

"""The norm of the interaction against the coupling (section 2)."""

from dataclasses import dataclass

import numpy as np

from theory.arrays import Array, Float64
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.quadratic.block_slices import block_slices
from theory.quadratic.spectral_norm import spectral_norm

Scalars = Array | float


def interaction_upper(rho: Scalars, largest: Scalars) -> Scalars:
    """2: ``||E|| <= lambda_max(D) rho``."""
    return largest * rho


def interaction_lower(rho: Scalars, smallest: Scalars) -> Scalars:
    """2: ``||E|| >= lambda_min(D) rho``."""
    return smallest * rho


def sharp_interaction_upper(rho: Scalars, first: Scalars, second: Scalars) -> Scalars:
    """12d: ``||E|| <= sqrt(d_1 d_2) rho``, the two largest of the layers' largest eigenvalues."""
    return np.sqrt(first * second) * rho


def sharp_interaction_lower(rho: Scalars, first: Scalars, second: Scalars) -> Scalars:
    """12d: ``||E|| >= sqrt(d_1 d_2) rho``, the two least of the layers' smallest eigenvalues."""
    return np.sqrt(first * second) * rho


def norm_of_norms(norms: Float64[Array, "... layers layers"]) -> Array:
    """12d: ``rho <= lambda_max(||M_ij||)``, never above the largest row sum.

    Examples
    --------
    >>> star = np.array([[0.0, 0.3, 0.4], [0.3, 0.0, 0.0], [0.4, 0.0, 0.0]])
    >>> round(float(norm_of_norms(star)), 12), round(float(block_gershgorin(star)), 12)
    (0.5, 0.7)
    """
    return np.asarray(np.linalg.eigvalsh(norms)[..., -1], dtype=np.float64)


def block_gershgorin(norms: Float64[Array, "... layers layers"]) -> Array:
    """2a: ``rho <= max_i sum_{j != i} ||M_ij||``, from the norms of the blocks of ``M``.

    Examples
    --------
    >>> float(block_gershgorin(np.array([[0.0, 0.25, 0.1], [0.25, 0.0, 0.5], [0.1, 0.5, 0.0]])))
    0.75
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
    slices = block_slices(sizes)
    if max(sizes) == 1:
        return np.abs(matrix)
    norms = np.empty((*matrix.shape[:-2], len(sizes), len(sizes)))
    symmetric = np.array_equal(matrix, matrix.swapaxes(-1, -2))
    for i, rows in enumerate(slices):
        for j, columns in enumerate(slices[: i + 1] if symmetric else slices):
            norms[..., i, j] = largest_singular_value(matrix[..., rows, columns])
            if symmetric:
                norms[..., j, i] = norms[..., i, j]
    return norms


def largest_singular_value(block: Float64[Array, "... m n"]) -> Array:
    """Spectral norms, from the smaller Gram matrix: the largest value loses no digits by that."""
    scale = np.abs(block).max(axis=(-2, -1), keepdims=True)
    unit = block / np.where(scale > 0, scale, 1.0)
    wide = block.shape[-2] <= block.shape[-1]
    gram = unit @ unit.swapaxes(-1, -2) if wide else unit.swapaxes(-1, -2) @ unit
    square = np.linalg.eigvalsh(gram)[..., -1]
    return np.asarray(scale[..., 0, 0] * np.sqrt(np.maximum(square, 0.0)), dtype=np.float64)


@dataclass(frozen=True)
class InteractionNorm:
    """``||E||`` (in the unit of the curvature) between its bounds, and ``rho`` below its own.

    Attributes
    ----------
    norm, lower, upper
        ``lambda_min(D) rho <= ||E||_2 <= lambda_max(D) rho``.
    sharp_lower, sharp_upper
        The same by two layers each (12d), never wider.
    coupling, gershgorin, coupling_bound
        ``rho``, the block Gershgorin bound on it, and the norm of the matrix of block norms (12d),
        never above that.
    """

    norm: float
    lower: float
    upper: float
    sharp_lower: float
    sharp_upper: float
    coupling: float
    gershgorin: float
    coupling_bound: float


def interaction_norm(quadratic: BlockQuadratic) -> InteractionNorm:
    """Compare the raw interaction ``E`` with the coupling ``rho``.

    Notes
    -----
    Provenance: reconstruction of Lemma A.1; block Gershgorin is Feingold & Varga (1962); 12d
    is an extension.

    Examples
    --------
    >>> H = np.array([[4.0, 1.0], [1.0, 1.0]])
    >>> record = interaction_norm(BlockQuadratic(np.ones(2), H, (1, 1)))
    >>> [round(value, 12) for value in (record.lower, record.norm, record.upper)]   # rho = 1/2
    [0.5, 1.0, 2.0]
    >>> round(record.sharp_lower, 12), round(record.sharp_upper, 12)       # two layers: exact
    (1.0, 1.0)
    """
    E = quadratic.curvature.copy()
    least: list[float] = []
    most: list[float] = []
    for block in quadratic.slices:
        values = np.linalg.eigvalsh(E[block, block])
        least.append(max(float(values[0]), 0.0))
        most.append(float(values[-1]))
        E[block, block] = 0.0
    rho = quadratic.coupling
    least, most = sorted(least), sorted(most, reverse=True)  # doubled: a single layer has rho = 0
    norms = block_norms(quadratic.whitened_coupling, quadratic.sizes)
    return InteractionNorm(
        norm=spectral_norm(E),
        lower=float(interaction_lower(rho, least[0])),
        upper=float(interaction_upper(rho, most[0])),
        sharp_lower=float(sharp_interaction_lower(rho, *(2 * least)[:2])),
        sharp_upper=float(sharp_interaction_upper(rho, *(2 * most)[:2])),
        coupling=rho,
        gershgorin=float(block_gershgorin(norms)),
        coupling_bound=float(norm_of_norms(norms)),
    )

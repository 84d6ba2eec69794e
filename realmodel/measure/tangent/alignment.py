"""How alike the layers' tangent kernels are, and how many independent layers a set is worth."""

from collections.abc import Sequence

import numpy as np

from realmodel.measure.tangent.gain import TangentGain
from theory.arrays import Array, Float64


def kernel_alignment(tangent: TangentGain) -> Float64[Array, "L L"]:
    """Cosine of every two layers' kernels, ascending in the layer.

    What a sequence has in common with itself is left out: it is positive whatever the layers are.

    Parameters
    ----------
    tangent : TangentGain
        Its kernels and sequences.

    Notes
    -----
    Provenance: extension. For a residual without direction the covariance of what two layers gain
    at first order is ``tr(K_i K_j)``.

    Examples
    --------
    >>> import numpy as np
    >>> from realmodel.measure.tangent.kernel import Kernel
    >>> def kernel(off):
    ...     K = np.array([[1.0, *off], [off[0], 1.0, 0.0], [off[1], 0.0, 1.0]])
    ...     return Kernel(K, np.zeros(3), 0.0, K, np.zeros(3))
    >>> layers = {0: kernel([0.5, 0.0]), 1: kernel([0.1, 0.0]), 2: kernel([0.0, 0.2])}
    >>> kernel_alignment(TangentGain(layers, np.ones(3), 1.0)).round(6).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    kernels = tangent.kernels
    rows = len(next(iter(kernels.values())).curvature)
    of = np.arange(rows) % len(tangent.tokens)  # rows stand draw by draw
    other = np.not_equal.outer(of, of)
    flat = np.stack([kernels[layer].curvature[other] for layer in sorted(kernels)])
    length = np.linalg.norm(flat, axis=1)
    flat /= np.where(length > 0, length, 1.0)[:, None]
    alignment = flat @ flat.T
    np.fill_diagonal(alignment, 1.0)
    return alignment


def independent_layers(alignment: Float64[Array, "L L"], chosen: Sequence[int]) -> float:
    """``1'A^{-1}1`` of a set: between 1, all alike, and their number, all different.

    The gain of layers of unit gain and coupling ``A`` over that of one (docs/theory.md 1 and 6c),
    for alignments that are not negative.

    Parameters
    ----------
    alignment : (L, L) array
    chosen : sequence of int
        Positions in it, at least one.

    Examples
    --------
    >>> import numpy as np
    >>> alike = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> [round(independent_layers(alike, some), 6) for some in ([0], [0, 1], [0, 2])]
    [1.0, 1.333333, 2.0]
    """
    own = alignment[np.ix_(chosen, chosen)]
    # Layers that are the same are a singular matrix: of their weights any will do.
    return float(np.linalg.pinv(own, hermitian=True).sum())

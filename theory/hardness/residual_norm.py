"""Residual norm = normalised gradient norm (section 3)."""

from theory.arrays import Array
from theory.hardness.linear_adapter import LinearAdapter


def projected_residual_norm(
    gradient: Array,
    second_moment: Array,
    *,
    rank: int | None = None,
    ridge: float | int = 0.0,
) -> float:
    """``Res = ||Grad Sigma^{-1/2}||_F``: how much of the residual a linear adapter can remove.

    Half its square is the largest decrease of ``1/2 E||r - A h||^2`` over all ``A``, or over
    those of rank at most ``rank`` (what a LoRA adapter of that rank can reach at best).

    Parameters
    ----------
    gradient : (m, d) array
        ``-E[r h']``, the gradient in ``A`` at zero; its sign does not matter here.
    second_moment : (d, d) array
        ``Sigma = E[h h']``, uncentred.
    rank : int, optional
        Keep the ``rank`` largest singular values only; no limit by default.
    ridge : float
        ``lam`` of ``Sigma + lam I``. It is never chosen for you.

    Returns
    -------
    float
        In the square root of the loss's unit (nats). A singular ``Sigma`` gets the
        pseudo-inverse; :class:`theory.LinearAdapter` has the same number with the reason.

    Raises
    ------
    InputError
        Shapes disagree; values are not finite; ``Sigma`` is not symmetric or not positive
        semi-definite; the gradient leaves the range of ``Sigma``; rank < 1; ridge < 0.

    Notes
    -----
    Provenance: reconstruction of Theorem 3.3; the rank form is an extension (reduced-rank
    regression, Izenman 1975).

    Examples
    --------
    >>> import numpy as np
    >>> C, Sigma = np.array([[1.0, 2.0]]), np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> by_hand = np.sqrt((C @ np.linalg.solve(Sigma, C.T)).item())
    >>> bool(np.isclose(projected_residual_norm(C, Sigma), by_hand))
    True
    """
    return LinearAdapter.from_moments(gradient, second_moment, ridge=ridge).residual_norm(rank)


def kronecker_residual_norm(
    gradient: Array,
    second_moment: Array,
    output_moment: Array,
    *,
    rank: int | None = None,
    ridge: float | int = 0.0,
    output_ridge: float | int = 0.0,
) -> float:
    """``||Gamma^{-1/2} Grad Sigma^{-1/2}||_F``: the residual norm seen from the loss.

    It equals the Newton decrement of the block for every gradient if and only if the block's
    curvature is ``Sigma (x) Gamma`` (the K-FAC model). Without ``Gamma`` a layer-dependent scale
    is left in, so scores of different layers are not comparable.

    Parameters
    ----------
    gradient, second_moment, rank, ridge
        As in :func:`projected_residual_norm`.
    output_moment : (m, m) array
        ``Gamma = E[B'B]`` for the Jacobian ``B`` from the layer's output to the loss's input.
    output_ridge : float
        Added to the diagonal of ``Gamma``.

    Returns
    -------
    float
        In the square root of the loss's unit.

    Raises
    ------
    InputError
        As in :func:`projected_residual_norm`, for either moment.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> import numpy as np
    >>> G, Sigma, Gamma = np.array([[6.0]]), np.array([[4.0]]), np.array([[9.0]])
    >>> kronecker_residual_norm(G, Sigma, Gamma)
    1.0
    """
    adapter = LinearAdapter.from_moments(
        gradient, second_moment, output_moment, ridge=ridge, output_ridge=output_ridge
    )
    return adapter.residual_norm(rank)

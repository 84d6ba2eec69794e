"""Squared norms of a matrix too wide to be formed, from products with a few hundred vectors."""

from collections.abc import Callable

import torch

Product = Callable[[torch.Tensor], torch.Tensor]

DIRECTIONS = 160
"""Of the range that is kept exactly."""

PROBES = 128
"""Random signs for the rest."""

ITERATIONS = 2
"""Powers of the range finder (Halko, Martinsson and Tropp 2011)."""


def leading_range(
    apply: Product, adjoint: Product, columns: int, like: torch.Tensor
) -> torch.Tensor:
    """An orthonormal basis (m, k) near the leading left singular vectors of ``W`` (m, columns).

    Examples
    --------
    >>> W = torch.zeros(3, 500, dtype=torch.float64)
    >>> W[1] = 1.0
    >>> Q = leading_range(lambda X: W @ X, lambda Y: W.T @ Y, 500, W)
    >>> torch.allclose(Q @ (Q.T @ W), W)
    True
    """
    generator = torch.Generator(like.device).manual_seed(0)
    shape = (columns, min(DIRECTIONS, columns))
    start = torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)
    basis = _orthonormal(apply(start))
    for _ in range(ITERATIONS):
        basis = _orthonormal(apply(_orthonormal(adjoint(basis))))
    return basis


def trace_sketch(basis: torch.Tensor) -> torch.Tensor:
    """``P`` with ``E <V'P, W'P> = <V, W>`` for all V and W with as many rows as ``basis``.

    The basis is kept exactly and its complement probed with random signs (Hutch++, Meyer, Musco,
    Musco and Woodruff 2021). Where ``basis`` holds the k leading left singular vectors of W,
    ``||W'P||^2`` is off by a standard deviation of at most ``sqrt(2/PROBES) / (2 sqrt(k))`` of
    ``||W||^2``: 0.5%, for whatever spectrum.

    Examples
    --------
    A complete basis leaves nothing to chance.

    >>> W = torch.arange(6, dtype=torch.float64).view(3, 2)
    >>> P = trace_sketch(torch.eye(3, dtype=torch.float64))
    >>> float((W.T @ P).square().sum()), float(W.square().sum())
    (55.0, 55.0)
    """
    generator = torch.Generator(basis.device).manual_seed(1)
    signs = torch.randint(0, 2, (len(basis), PROBES), generator=generator, device=basis.device)
    probes = (2 * signs - 1).to(basis)
    probes -= basis @ (basis.T @ probes)
    return torch.cat([basis, probes / PROBES**0.5], dim=1)


def _orthonormal(columns: torch.Tensor) -> torch.Tensor:
    return torch.linalg.qr(columns).Q

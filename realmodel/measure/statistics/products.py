"""Sums of outer products, accumulated in float32 or better whatever the model computes in."""

import torch

BLOCK = 512
"""Columns per block of a symmetric product; only blocks on or above the diagonal are formed."""


def add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """``total += left' right`` for left (n, m), right (n, d), total (m, d) on any device."""
    if left.dtype == total.dtype and left.device == total.device:
        total.addmm_(left.T, right)
    elif left.element_size() >= 4:
        total.add_((left.T @ right).to(total.device))
    elif left.is_cuda:
        total.add_(torch.mm(left.T, right, out_dtype=torch.float32).to(total.device))
    else:
        total.add_(left.T.float() @ right.float())


def add_gram(total: torch.Tensor, rows: torch.Tensor) -> None:
    """``total += rows' rows`` in the blocks on or above the diagonal, at half the arithmetic."""
    size = total.shape[0]
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        add_product(total[start:stop, start:], rows[:, start:stop], rows[:, start:])


def mirror(total: torch.Tensor) -> torch.Tensor:
    """The symmetric matrix whose blocks on or above the diagonal were summed."""
    upper = torch.triu(total)
    return upper + torch.triu(total, diagonal=1).T

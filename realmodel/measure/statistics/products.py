"""Sums of outer products, accumulated in float32 or better whatever the model computes in."""

from collections.abc import Iterator

import torch

BLOCK = 192
"""Rows of blocks of a symmetric sum: only those on or above the diagonal are formed and kept.

Narrow blocks waste less of the triangle (a third at a width of 576, where 512 wastes nine
tenths), and a block's product stays in the cache until it is added.
"""


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


def packed_length(size: int) -> int:
    """Numbers kept of a symmetric matrix of this size: block rows from the diagonal on.

    Examples
    --------
    >>> packed_length(4), packed_length(2 * BLOCK) / (2 * BLOCK) ** 2
    (16, 0.75)
    """
    return sum((stop - start) * (size - start) for start, stop, _ in _block_rows(size))


def add_gram(total: torch.Tensor, rows: torch.Tensor) -> None:
    """``total += rows' rows`` for rows (n, d) and a packed ``total`` (:func:`packed_length`,)."""
    size = rows.shape[1]
    for start, stop, at in _block_rows(size):
        block = total[at : at + (stop - start) * (size - start)].view(stop - start, size - start)
        add_product(block, rows[:, start:stop], rows[:, start:])


def unpacked(total: torch.Tensor, size: int) -> torch.Tensor:
    """The symmetric matrix (size, size) of a packed sum, float64.

    Examples
    --------
    >>> total = torch.zeros(packed_length(2))
    >>> add_gram(total, torch.tensor([[1.0, 2.0]]))
    >>> unpacked(total, 2).tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """
    full = torch.empty(size, size, dtype=torch.float64, device=total.device)
    for start, stop, at in _block_rows(size):
        block = total[at : at + (stop - start) * (size - start)].view(stop - start, size - start)
        full[start:stop, start:] = block
        full[start:, start:stop] = block.T
        # A product rounds (i, j) and (j, i) alike on some processors only.
        own = full[start:stop, start:stop]
        own.copy_((own + own.T) / 2)
    return full


def _block_rows(size: int) -> Iterator[tuple[int, int, int]]:
    """First row, end, and place in the packed sum of each row of blocks."""
    at = 0
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        yield start, stop, at
        at += (stop - start) * (size - start)

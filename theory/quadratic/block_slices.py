"""Where the blocks of a vector lie."""

from collections.abc import Sequence
from itertools import accumulate


def block_slices(sizes: Sequence[int]) -> tuple[slice, ...]:
    """The slice of each block, of blocks that stand side by side in this order.

    Examples
    --------
    >>> block_slices((2, 3))
    (slice(0, 2, None), slice(2, 5, None))
    """
    ends = accumulate(sizes)
    return tuple(slice(end - size, end) for end, size in zip(ends, sizes, strict=True))

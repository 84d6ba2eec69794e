"""Keep freed memory mapped: page faults are a quarter of the processor time otherwise."""

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Tell glibc to take large arrays from a heap whose pages stay; nothing on other systems.

    Tensors of many megabytes come and go at every layer. By default each gets fresh pages from the
    kernel, which zeroes them one by one. For a whole process, hence for commands and not for
    library functions.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_TOP_PAD, 2**26)

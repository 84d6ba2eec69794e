"""The same numbers from the same run: one code path of MKL, fixed before its first product."""

import os
import platform
from pathlib import Path

CPU_TABLE = Path("/proc/cpuinfo")


def fix_code_path() -> None:
    """Set ``MKL_CBWR``, unless the user has.

    Without it MKL may choose its kernel by the address of an array, as it does on AMD processors,
    and a run that is continued differs from a whole one in the last bits. MKL reads the variable at
    its first product, and processes started later inherit it.

    >>> before = dict(os.environ)
    >>> os.environ["MKL_CBWR"] = "COMPATIBLE"
    >>> fix_code_path()
    >>> os.environ["MKL_CBWR"]
    'COMPATIBLE'
    >>> os.environ.clear(); os.environ.update(before)
    """
    # AUTO costs nothing on Intel (AVX2 costs half of a pass there where AVX-512 is at hand), and
    # AVX2 is what made resumed runs identical on AMD.
    os.environ.setdefault("MKL_CBWR", "AUTO" if _is_intel() else "AVX2")


def _is_intel() -> bool:
    if CPU_TABLE.is_file():
        with CPU_TABLE.open() as table:
            return "GenuineIntel" in table.read(1 << 12)
    return "GenuineIntel" in platform.processor()

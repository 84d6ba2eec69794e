"""Memory of this machine, as far as the system tells."""

import os
from pathlib import Path


def host_memory() -> tuple[int, int]:
    """Bytes free now (all of them where the system does not say), and bytes in all.

    Examples
    --------
    >>> free, total = host_memory()
    >>> 0 < free <= total
    True
    """
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    table = Path("/proc/meminfo")
    if not table.is_file():
        return total, total
    rows = dict(line.split(":", 1) for line in table.read_text().splitlines())
    return int(rows["MemAvailable"].split()[0]) * 1024, total

"""Peak memory of a block of code: the allocator's on a GPU, the resident set on a CPU."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Peak:
    """Bytes; ``None`` until the block ends, and where the system cannot tell."""

    bytes: int | None = None


@contextmanager
def peak_memory(device: str) -> Generator[Peak]:
    """Measure the highest memory use inside the block, weights included."""
    peak = Peak()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        yield peak
        torch.cuda.synchronize()
        peak.bytes = torch.cuda.max_memory_allocated()
        return
    resettable = CLEAR.exists()
    if resettable:
        CLEAR.write_text("5")  # resets the high-water mark of the resident set (Linux)
    yield peak
    if resettable:
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
        peak.bytes = int(found[1]) * 1024 if found else None

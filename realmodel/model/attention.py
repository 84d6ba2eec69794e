"""Fast attention for training, the eager one for forward-mode derivatives."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def attention(model: Any, implementation: str) -> Generator[None]:
    """Run the block with ``eager`` attention, or with ``sdpa`` where the architecture has it."""
    before = model.config._attn_implementation
    if implementation == "sdpa" and not getattr(model, "_supports_sdpa", False):
        implementation = before
    model.set_attn_implementation(implementation)
    try:
        yield
    finally:
        model.set_attn_implementation(before)

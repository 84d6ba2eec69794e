"""Fast attention for training, the eager one for forward-mode derivatives."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def attention(model: Any, implementation: str) -> Generator[None]:
    """Run the block with this attention implementation (``sdpa`` or ``eager``)."""
    before = model.config._attn_implementation
    model.set_attn_implementation(implementation)
    try:
        yield
    finally:
        model.set_attn_implementation(before)

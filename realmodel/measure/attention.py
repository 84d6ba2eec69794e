"""Fast attention for passes, the eager one for forward-mode derivatives."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def attention(model: Any, implementation: str) -> Generator[None]:
    """Run the block with this attention implementation (``sdpa`` or ``eager``).

    A model that knows no ``sdpa``, or that runs a kernel of the user's choice, keeps its own when
    ``sdpa`` is asked for.
    """
    before = getattr(model.config, "_attn_implementation", None)
    keeps = implementation == "sdpa" and (
        before != "eager" or not getattr(model, "_supports_sdpa", False)
    )
    if keeps or before == implementation:
        yield
        return
    model.set_attn_implementation(implementation)
    try:
        yield
    finally:
        model.set_attn_implementation(before)

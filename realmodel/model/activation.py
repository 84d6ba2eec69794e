"""The tanh GELU in one kernel instead of eight, and with every derivative."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from torch import nn

TANH_GELU = {"NewGELUActivation", "BloomGelu"}
"""GPT-2's, and Bloom's, which has no forward-mode derivative."""


@contextmanager
def fused_activations(model: nn.Module) -> Generator[None]:
    """Swap the modules of ``TANH_GELU`` for torch's fused one, the same function, and back.

    On a CPU the elementwise steps of ``gelu_new``, forward and backward, cost as much as half
    of a small model's matrix products.
    """
    swapped: list[tuple[Any, str, nn.Module]] = []
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ in TANH_GELU:
                swapped.append((parent, name, child))
                setattr(parent, name, nn.GELU(approximate="tanh"))
    try:
        yield
    finally:
        for parent, name, child in swapped:
            setattr(parent, name, child)

"""Put a model into the state in which it is measured, and back."""

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from torch import nn

from realmodel.model.frozen import frozen


@contextmanager
def measuring(model: Any, *, gradient_checkpointing: bool = False) -> Generator[None]:
    """Frozen (gradients start at the measured modules), perhaps with activations recomputed.

    With ``gradient_checkpointing`` the blocks alone are put in training mode, which is where
    transformers recomputes activations; the dropouts inside stay off.
    """
    switch = gradient_checkpointing and not any(map(_recomputes, model.modules()))
    with frozen(model):
        if switch:
            # Renamed in transformers 5.
            old = model.gradient_checkpointing_enable
            getattr(model, "activation_checkpointing_enable", old)({"use_reentrant": False})
        if gradient_checkpointing:
            for module in model.modules():
                if _recomputes(module):
                    module.training = True
        try:
            yield
        finally:
            if switch:
                old = model.gradient_checkpointing_disable
                getattr(model, "activation_checkpointing_disable", old)()


def _recomputes(module: nn.Module) -> bool:
    return bool(getattr(module, "gradient_checkpointing", False)) and (
        "GradientCheckpointingLayer" in {base.__name__ for base in inspect.getmro(type(module))}
    )

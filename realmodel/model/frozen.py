"""A model for a while as it is measured: no dropout, no weight that takes a gradient."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def frozen(model: Any) -> Generator[None]:
    """Dropout off and weights frozen within the block; mode and flags come back as they were.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
    >>> with frozen(model):
    ...     model.training, model[0].weight.requires_grad
    (False, False)
    >>> model.training, model[0].weight.requires_grad
    (True, True)
    """
    training = {name: module.training for name, module in model.named_modules()}
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    model.requires_grad_(False)
    try:
        yield
    finally:
        for name, module in model.named_modules():
            module.training = training[name]
        model.requires_grad_(False)
        for parameter in trainable:
            parameter.requires_grad_(True)

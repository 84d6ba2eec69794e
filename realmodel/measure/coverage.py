"""How much of a model the measured modules are, and what is done to the rest."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.model.batches import EncodedExample, batches
from realmodel.model.frozen import frozen
from realmodel.model.modules import AdaptedModule

SEQUENCES = 2
"""Behind the share of the gradient: it says how much is missing, not more."""


def left_out(
    model: Any, modules: Sequence[AdaptedModule], encoded: Sequence[EncodedExample]
) -> dict[str, float]:
    """Shares of the parameters and of the squared gradient that no measured module holds.

    One backward pass through a few sequences to every parameter; each gradient is squared and
    freed as soon as it is there, so one parameter's at a time is held.

    Returns
    -------
    dict
        ``parameters`` and ``gradient``, between 0 and 1, and the ``sequences`` behind the latter.
    """
    measured = {id(model.get_submodule(module.name).weight) for module in modules}
    parameters = list(model.parameters())
    total = sum(parameter.numel() for parameter in parameters)
    own = sum(parameter.numel() for parameter in parameters if id(parameter) in measured)
    squares = {True: 0.0, False: 0.0}

    def see(parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            squares[id(parameter) in measured] += float(parameter.grad.float().square().sum())
            parameter.grad = None

    sample = encoded[:SEQUENCES]
    (batch,) = batches(sample, batch_size=len(sample), pad_id=0)
    with frozen(model), ExitStack() as hooks:
        for parameter in parameters:
            if parameter.is_floating_point():
                parameter.requires_grad_(True)
                hooks.callback(parameter.register_post_accumulate_grad_hook(see).remove)
        logits, targets = completion_logits(model, batch.to(model.device))
        cross_entropy(logits, targets, reduction="sum").backward()
    both = squares[True] + squares[False]
    return {
        "parameters": 1 - own / total,
        "gradient": squares[False] / both if both else 0.0,
        "sequences": len(sample),
    }

"""A loss or a gradient that is not finite: why, and what to do."""

from typing import Any

import torch

from theory import InputError


def not_finite(what: str, model: Any) -> InputError:
    """The refusal of a number that is not finite, before any weight was changed.

    Parameters
    ----------
    what : str
        Begins the sentence: ``the loss of data.jsonl:2 is nan``.
    model
        Its arithmetic decides the advice: float16 ends at 65504.

    Examples
    --------
    >>> print(not_finite("the loss is nan", torch.nn.Linear(1, 1).half()))
    the loss is nan in float16: it overflows there; load the model in bfloat16 or float32
    >>> print(not_finite("the loss is nan", torch.nn.Linear(1, 1)))
    the loss is nan in float32: check the checkpoint's weights for NaN and inf
    """
    dtype = next(model.parameters()).dtype
    advice = "check the checkpoint's weights for NaN and inf"
    if dtype == torch.float16:
        advice = "it overflows there; load the model in bfloat16 or float32"
    return InputError(f"{what} in {str(dtype).removeprefix('torch.')}: {advice}")

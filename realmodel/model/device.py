"""The device that a user names: whether torch can use it here."""

import torch

from realmodel.runs.one_line import one_line
from theory import InputError


def check_device(device: str) -> torch.device:
    """The device, once a number was read from it.

    Raises
    ------
    InputError
        If torch cannot use it.
    """
    try:
        chosen = torch.device(device)
        float(torch.zeros((), device=chosen))  # on the device meta there are no numbers
    except (RuntimeError, AssertionError) as error:
        found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        raise InputError(
            f"device {device!r} cannot be used (at hand: {', '.join(['cpu', *found])}): "
            f"{one_line(error, 300)}"
        ) from error
    return chosen

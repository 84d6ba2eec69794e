"""What a command checks before its first pass: where it runs, and what it measures."""

from pathlib import Path


def preflight(
    model: str | Path,
    *,
    device: str = "cpu",
    trust_remote_code: bool = False,
) -> None:
    """Refuse, in seconds, what would fail after hours.

    Parameters
    ----------
    model : str or Path
        The checkpoint; only its configuration is read.

    Raises
    ------
    InputError
        A device that is not there, or a checkpoint of a kind that cannot be measured.
    """
    from realmodel.model.checkpoint import load_config  # imports torch
    from realmodel.model.device import check_device

    if device != "auto":
        check_device(device)
    load_config(str(model), trust_remote_code=trust_remote_code)

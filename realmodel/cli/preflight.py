"""What a command checks before its first pass: where it writes, where it runs, what it measures."""

from pathlib import Path

from realmodel.runs.output_folder import output_folder


def preflight(
    model: str | Path,
    *,
    folders: tuple[Path | None, ...],
    device: str = "cpu",
    trust_remote_code: bool = False,
) -> None:
    """Refuse, in seconds, what would fail after hours.

    Parameters
    ----------
    model : str or Path
        The checkpoint; only its configuration is read.
    folders : tuple of Path or None
        Where files will be written.

    Raises
    ------
    InputError
        A folder that cannot be written, a device that is not there, or a checkpoint of a kind
        that cannot be measured.
    """
    for folder in folders:
        if folder is not None:
            output_folder(folder)
    from realmodel.model.checkpoint import check_device, load_config  # torch: after the folders

    if device != "auto":
        check_device(device)
    load_config(str(model), trust_remote_code=trust_remote_code)

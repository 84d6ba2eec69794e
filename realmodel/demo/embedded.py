"""Where the committed miniature checkpoints are."""

from pathlib import Path

from theory import InputError

CHECKPOINTS = ("gpt2", "qwen3")
FOLDER = Path(__file__).parent / "checkpoints"


def checkpoint_folder(name: str) -> Path:
    """Folder of an embedded checkpoint, in transformers format.

    Parameters
    ----------
    name : str
        "gpt2" or "qwen3".

    Raises
    ------
    InputError
        For another name, or when the package was installed without its checkpoints.

    Examples
    --------
    >>> checkpoint_folder("qwen3").name
    'qwen3'
    """
    if name not in CHECKPOINTS:
        raise InputError(f"no embedded checkpoint {name!r}; there are {', '.join(CHECKPOINTS)}")
    folder = FOLDER / name
    if not (folder / "model.safetensors").is_file():
        raise InputError(
            f"the embedded checkpoint {str(folder)!r} is missing; "
            f"run python -m realmodel.demo.train --output-dir {FOLDER}"
        )
    return folder

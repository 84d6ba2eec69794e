"""Where the committed miniature checkpoints are."""

from pathlib import Path

from theory import InputError

CHECKPOINTS = ("gpt2", "qwen3")
LAYERS = 10
"""Of each of them."""
PREFIX = "demo:"
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
            f"the embedded checkpoint {str(folder)!r} is missing; install the package again"
        )
    return folder


def checkpoint_source(model: str) -> str | Path:
    """What to load for a model as a user names it: ``demo:NAME`` is an embedded checkpoint.

    Raises
    ------
    InputError
        As :func:`checkpoint_folder`.

    Examples
    --------
    >>> checkpoint_source("demo:gpt2") == checkpoint_folder("gpt2"), checkpoint_source("gpt2")
    (True, 'gpt2')
    """
    return checkpoint_folder(model.removeprefix(PREFIX)) if model.startswith(PREFIX) else model

"""Write a placement's exports, each only after the model confirmed it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from realmodel.model.lora_config import ranks_of
from realmodel.placement.export.formats import FORMATS
from realmodel.placement.export.trainable import check_trainable
from theory import InputError
from theory.whole_file import write_whole


def write_exports(
    folder: str | Path,
    arguments: Mapping[str, Any],
    model: Any,
    description: Mapping[str, Any],
    formats: Iterable[str] = tuple(FORMATS),
) -> tuple[Path, ...]:
    """Render, read back, apply to the model, compare with the placement, then write.

    Parameters
    ----------
    folder : path
        Files go directly into it, except peft's ``method_comparison`` layout, which goes into
        ``experiments/lora/<name>/`` below it.
    arguments : mapping
        Of :func:`lora_config_arguments`; its modules and ranks are the placement.
    model : transformers model
        The plain checkpoint, or its skeleton on the meta device; given back unchanged.
    description : mapping
        ``source`` and ``dtype`` of the checkpoint.
    formats : iterable of str
        Names in ``FORMATS``.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    InputError
        Unknown format, a format that cannot express the placement, or an export that does not make
        exactly the placement trainable. Then nothing is written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(f"unknown export {unknown[0]!r}: choose from {', '.join(FORMATS)}")
    expected = ranks_of(arguments)
    pending: dict[Path, str] = {}
    for name in formats:
        files = FORMATS[name].render(arguments, description)
        check_trainable(model, FORMATS[name].read(files), expected)
        home = Path(folder)
        if name == "peft":
            home = home / "experiments" / "lora" / _experiment(arguments, description)
        pending |= {home / file: text for file, text in files.items()}
    return tuple(write_whole(path, text) for path, text in pending.items())


def _experiment(arguments: Mapping[str, Any], description: Mapping[str, Any]) -> str:
    base = re.sub(r"[^\w.-]+", "-", Path(str(description["source"])).name, flags=re.ASCII)
    return f"{base.strip('-.')[:100] or 'model'}-rank{arguments['r']}-layercard"

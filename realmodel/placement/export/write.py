"""Write a placement's exports, each only after the model confirmed it."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.formats import FORMATS
from realmodel.placement.export.trainable import check_trainable
from theory import InputError
from theory.whole_file import write_whole


def write_exports(
    folder: str | Path,
    placement: ExportedPlacement,
    model: Any,
    formats: Iterable[str] = tuple(FORMATS),
) -> tuple[Path, ...]:
    """Render, read back, apply to the model, compare with the placement, then write.

    Parameters
    ----------
    folder : path
        Files go directly into it, except peft's ``method_comparison`` layout, which goes into
        ``experiments/lora/<name>/`` below it.
    placement : ExportedPlacement
    model : transformers model
        The plain checkpoint, or its skeleton on the meta device; given back unchanged.
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
    pending: dict[Path, str] = {}
    for name in formats:
        form = FORMATS[name]
        files = form.render(placement)
        if form.read is not None:
            check_trainable(model, form.read(files, placement.depth), placement.ranks)
        home = Path(folder)
        if name == "peft":
            home = home / "experiments" / "lora" / _experiment(placement)
        pending |= {home / file: text for file, text in files.items()}
    return tuple(write_whole(path, text) for path, text in pending.items())


def _experiment(placement: ExportedPlacement) -> str:
    base = re.sub(r"[^\w.-]+", "-", Path(placement.source).name, flags=re.ASCII)
    return f"{base.strip('-.')[:100] or 'model'}-rank{placement.arguments['r']}-layercard"

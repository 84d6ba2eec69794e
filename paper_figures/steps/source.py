"""Checkpoints and task files by name, and what identifies them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from paper_figures.preset import EMBEDDED
from theory import InputError

DEMO_TASKS = ("all", "weather", "harbour", "train")
"""The generated task, and the three kinds of records that it mixes."""


def model_digest(source: str) -> str:
    """Digest of a checkpoint's files; of a hub id, the id itself (its commit is in the card)."""
    if source.startswith(EMBEDDED):
        from realmodel.demo import checkpoint_folder

        source = str(checkpoint_folder(source.removeprefix(EMBEDDED)))
    folder = Path(source)
    if folder.is_dir():
        kept = (".json", ".safetensors", ".txt")
        return _digest(path for path in folder.iterdir() if path.suffix in kept)
    if source.startswith((".", "/")) or source.count("/") != 1:
        raise InputError(f"model {source!r}: no such folder, nor a hub id like Qwen/Qwen3-8B")
    return f"hub:{source}"


def data_digest(source: str) -> str:
    """Digest of a task file; the embedded task is part of the code."""
    if source.startswith(EMBEDDED):
        return source
    path = Path(source)
    if not path.is_file():
        raise InputError(f"data {source!r}: no such file")
    return _digest([path])


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def load_model(source: str, *, dtype: str | None, device: str, attention: str = "eager") -> Any:
    """Load a checkpoint by hub id, folder or embedded name."""
    from realmodel.demo import checkpoint_folder
    from realmodel.model.checkpoint import load_checkpoint

    if source.startswith(EMBEDDED):
        source = str(checkpoint_folder(source.removeprefix(EMBEDDED)))
    return load_checkpoint(source, dtype=dtype, device=device, attention=attention)


def load_examples(source: str, count: int, *, seed: int) -> tuple[Any, ...]:
    """``count`` examples of a task file, or of the generated task (all of it, or one kind).

    Raises
    ------
    InputError
        If the task does not have that many.
    """
    if not source.startswith(EMBEDDED):
        from realmodel.datasets import read_examples

        return read_examples(source, num_samples=count, seed=seed)
    from realmodel.demo import examples

    kind = source.removeprefix(EMBEDDED)
    if kind not in DEMO_TASKS:
        raise InputError(f"no generated task {kind!r}; there are {', '.join(DEMO_TASKS)}")
    drawn = examples(count if kind == "all" else 8 * count, seed=seed)
    kept = [item for item in drawn if kind == "all" or item.prompt.startswith(f"type : {kind} ")]
    if len(kept) < count:
        raise InputError(f"only {len(kept)} of {count} examples are of kind {kind!r}")
    return tuple(kept[:count])

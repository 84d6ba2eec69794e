"""A folder of data files: those of one split, or what ``datasets`` saved to disk."""

import re
from pathlib import Path

from realmodel.datasets import columnar, delimited
from theory import InputError
from theory.read_json import read_json

SUFFIXES = (".jsonl", ".ndjson", ".json", ".txt", *delimited.SUFFIXES, *columnar.SUFFIXES)
SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "test": "test",
    "testing": "test",
}
STATE, SPLIT_LIST = "state.json", "dataset_dict.json"


def data_files(folder: Path, split: str | None) -> tuple[Path, ...]:
    """The files to read, in the order of their names.

    Names that say a split (``train-00000.parquet``, ``dev.jsonl``, ``test/part.csv``) are read
    for that split alone, ``train`` by default.

    Raises
    ------
    InputError
        When there is no data file, or none of the split.
    """
    if (folder / STATE).is_file():
        return saved_by_datasets(folder)
    if (folder / SPLIT_LIST).is_file():
        names = _splits(folder / SPLIT_LIST)
        chosen = split or ("train" if "train" in names or not names else names[0])
        if chosen not in names:
            raise InputError(f"{str(folder)!r} has no split {chosen!r}; it has {names}")
        return saved_by_datasets(folder / chosen)
    found = sorted(
        path
        for path in folder.rglob("*")
        if Path(path.name.removesuffix(".gz")).suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not found:
        raise InputError(
            f"folder {str(folder)!r} has no data file; looked for {', '.join(SUFFIXES)}, plain or "
            ".gz"
        )
    by_split: dict[str | None, list[Path]] = {}
    for path in found:
        by_split.setdefault(split_of(path.relative_to(folder)), []).append(path)
    wanted = split if split is None else SPLITS.get(split, split)
    if wanted is None and "train" not in by_split and len(by_split) == 1:
        return tuple(found)
    wanted = wanted or "train"
    if wanted not in by_split:
        splits = sorted(name for name in by_split if name)
        raise InputError(
            f"folder {str(folder)!r} has no split {wanted!r}; its file names say {splits or 'none'}"
        )
    return tuple(by_split[wanted])


def split_of(path: Path) -> str | None:
    """The split that a file's name or folder says.

    Examples
    --------
    >>> split_of(Path("data/train-00000-of-00002.parquet")), split_of(Path("dev.json.gz"))
    ('train', 'validation')
    >>> split_of(Path("trainer.jsonl")) is None
    True
    """
    words = re.split(r"[^a-z]+", str(path).lower())
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def saved_by_datasets(folder: Path) -> tuple[Path, ...]:
    """The Arrow files of ``Dataset.save_to_disk``."""
    state = read_json(folder / STATE, "saved data set")
    try:
        files = tuple(folder / Path(entry["filename"]).name for entry in state["_data_files"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{str(folder / STATE)!r} is damaged: {error}") from None
    return files


def _splits(path: Path) -> list[str]:
    record = read_json(path, "list of splits")
    names = record.get("splits", []) if isinstance(record, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{str(path)!r} is damaged: it lists no splits")
    return names

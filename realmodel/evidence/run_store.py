"""Finished runs on disk, one JSON file each: a killed comparison continues where it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theory import InputError
from theory.read_json import read_json
from theory.whole_file import write_json

ARITHMETIC = "arithmetic"
"""Of the runs; folders of before November 2026 do not say theirs, and are continued."""


@dataclass(frozen=True)
class RunStore:
    """A folder of runs that all follow one protocol.

    Parameters
    ----------
    folder : Path
        Made when the first run is kept.
    protocol : mapping
        What every run shares (model, data, options); kept in ``protocol.json``.

    Raises
    ------
    InputError
        When the folder holds runs of another protocol.
    """

    folder: Path
    protocol: Mapping[str, Any]

    def __post_init__(self) -> None:
        path = self.folder / "protocol.json"
        if path.exists():
            found = read_object(path)
            found = {ARITHMETIC: self.protocol.get(ARITHMETIC)} | found
            for key in sorted(self.protocol.keys() | found.keys()):
                if found.get(key) != self.protocol.get(key):
                    raise InputError(
                        f"{self.folder} holds runs with {key} {found.get(key)!r}, not "
                        f"{self.protocol.get(key)!r}; use another folder"
                    )

    def path(self, layers: Sequence[int], seed: int) -> Path:
        """File of one run; named by its layers and seed."""
        return self.folder / f"run-{'-'.join(map(str, layers))}-seed{seed}.json"

    def read(self, layers: Sequence[int], seed: int) -> dict[str, Any] | None:
        """The finished run, or None."""
        path = self.path(layers, seed)
        return read_object(path) if path.exists() else None

    def write(self, layers: Sequence[int], seed: int, record: Mapping[str, Any]) -> None:
        """Keep a finished run, and with the first one the protocol."""
        path = self.folder / "protocol.json"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(path, dict(self.protocol))
        write_json(self.path(layers, seed), record)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from ``path``.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    try:
        record = read_json(path, "finished run")
    except InputError as error:
        raise InputError(f"{error}; delete it to run it again") from error
    if not isinstance(record, dict):
        raise InputError(f"{path} does not hold a JSON object; delete it to run it again")
    return record

"""A computed result on disk: its data, the key of its inputs, and the environment it came from."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theory import InputError
from theory.whole_file import write_whole

SCHEMA = 1


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Record:
    """Data of one step, figure or table.

    Parameters
    ----------
    name : str
        What was computed.
    key : str
        Hash of everything that the data depend on.
    inputs : dict
        The same in words: code version, options and digests.
    environment : dict
        See :func:`paper_figures.environment.environment`.
    data : dict
        JSON without NaN.
    """

    name: str
    key: str
    inputs: dict[str, Any]
    environment: dict[str, Any]
    data: dict[str, Any]

    @property
    def digest(self) -> str:
        """Hash of the data."""
        return fingerprint(self.data)

    def save(self, path: Path) -> None:
        """Write as JSON, atomically."""
        content = {"schema": SCHEMA, **vars(self), "digest": self.digest}
        text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False)
        write_whole(path, text.encode())

    @classmethod
    def load(cls, path: Path, *, name: str, key: str) -> "Record":
        """Read a record that must be ``name``'s and belong to the inputs of ``key``.

        Raises
        ------
        InputError
            If the file is missing, is not a record, was changed by hand, or is stale: computed
            from other code, options, checkpoint or data than ``key``.
        """
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise InputError(
                f"{path} is missing: run without --from-data to compute {name!r}"
            ) from None
        except ValueError as error:
            raise InputError(f"{path} is not JSON ({error}): delete it and run again") from None
        fields = ("name", "key", "inputs", "environment", "data")
        if not isinstance(content, dict) or any(field not in content for field in fields):
            raise InputError(f"{path} is not a record of {name!r}: delete it and run again")
        if content.get("schema") != SCHEMA:
            raise InputError(
                f"{path} has schema {content.get('schema')!r}, this version reads {SCHEMA}"
            )
        record = cls(**{field: content[field] for field in fields})
        if record.name != name:
            raise InputError(f"{path} holds {record.name!r}, not {name!r}")
        if record.digest != content.get("digest"):
            raise InputError(f"{path} was changed after it was computed: delete it and run again")
        if record.key != key:
            raise InputError(
                f"{path} is stale: code, options, checkpoint or data changed since it was "
                f"computed (key {record.key[:12]}, now {key[:12]}); run without --from-data"
            )
        return record

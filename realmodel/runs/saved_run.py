"""Running sums on disk, so that a killed run continues where it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from realmodel.runs.tensor_file import TensorFile, write_tensors
from theory import InputError


class SavedRun:
    """One file with the sums after so many batches of a run with a given identity.

    The sums are stored in the precision in which they run, so a continued run repeats the very
    additions of an uninterrupted one.

    Parameters
    ----------
    path
        None where nothing is to be kept.
    identity
        What else must be the same for the run to be continued.
    batches
        Of the whole run.
    every
        Batches from one storing to the next.
    """

    def __init__(
        self, path: Path | None, identity: Mapping[str, Any], *, batches: int, every: int
    ) -> None:
        self.path, self.identity = path, dict(identity)
        self.batches, self.every = batches, every

    def store(
        self, tensors: Mapping[str, torch.Tensor], counts: Mapping[str, Any], done: int
    ) -> None:
        """Replace the file by the sums and counts after ``done`` batches, where it is due."""
        if self.path is not None and (done == self.batches or done % self.every == 0):
            record = {"run": self.identity, "done": done, "counts": dict(counts)}
            write_tensors(self.path, tensors, record)

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, Any], int] | None:
        """Sums, counts and batches done; None when nothing was stored yet.

        Raises
        ------
        InputError
            If the file is damaged or belongs to another model, data, or set of options.
        """
        if self.path is None or not self.path.exists():
            return None
        file = TensorFile(self.path)
        stored = file.manifest.get("run", {})
        differing = [key for key in self.identity if stored.get(key) != self.identity[key]]
        if differing:
            raise InputError(
                f"{str(self.path)!r} belongs to a run with another {', '.join(differing)}: "
                "choose another folder or remove it"
            )
        return dict(file), file.manifest["counts"], int(file.manifest["done"])

"""Running sums on disk, so that a killed run continues where it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from realmodel.statistics.running_sums import RunningSums
from realmodel.statistics.tensor_file import TensorFile, write_tensors
from theory import InputError


class SavedRun:
    """One file with the sums after so many batches of a run with a given identity.

    The sums are stored in the precision in which they run, so a continued run repeats the very
    additions of an uninterrupted one.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path, self.identity = path, dict(identity)

    def store(self, running: RunningSums, done: int) -> None:
        """Replace the file by the sums after ``done`` batches."""
        record = {
            "run": self.identity,
            "done": done,
            "positions": running.positions,
            "tokens": running.tokens,
            "sequences": running.sequences,
            "losses": running.losses,
        }
        write_tensors(self.path, running.tensors, record)

    def restore(self, running: RunningSums, device: torch.device) -> int:
        """Fill ``running`` from the file and return the batches done; 0 without a file.

        Raises
        ------
        InputError
            If the file is damaged or belongs to another model, data, or set of options.
        """
        if not self.path.exists():
            return 0
        file = TensorFile(self.path)
        saved = file.manifest
        if saved.get("run") != self.identity:
            stored = saved.get("run", {})
            differing = [key for key in self.identity if stored.get(key) != self.identity[key]]
            raise InputError(
                f"{str(self.path)!r} belongs to a run with another {', '.join(differing)}: "
                "choose another folder or remove it"
            )
        target = running.device or device
        running.tensors = {name: tensor.to(target) for name, tensor in file.items()}
        running.positions = saved["positions"]
        running.tokens, running.sequences = saved["tokens"], saved["sequences"]
        running.losses = saved["losses"]
        return int(saved["done"])

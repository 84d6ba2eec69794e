"""Where records lie; a step whose inputs did not change is read back instead of computed."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paper_figures.environment import environment
from paper_figures.record import Record
from paper_figures.step import Step
from theory import InputError


@dataclass(frozen=True)
class Store:
    """Records of steps in one folder.

    Parameters
    ----------
    folder : Path
        Output folder; steps are kept under ``steps/``.
    seed : int
        Seed written to the environment record.
    compute : bool
        False: only read back, and refuse what is missing or stale.
    started : callable
        Told the name of each step before it is computed.
    """

    folder: Path
    seed: int = 0
    compute: bool = True
    started: Callable[[str], None] = lambda name: None

    def path(self, step: Step) -> Path:
        """File of a step of the preset's measurements."""
        return self.folder / "steps" / f"{step.name}-{step.key[:16]}.json"

    def missing(self, step: Step, path: Path | None = None) -> dict[str, Step]:
        """What would be computed for a step, by name, the steps that it needs first."""
        try:
            Record.load(path or self.path(step), name=step.name, key=step.key)
        except InputError:
            needs = (self.missing(need) for need in step.needs.values())
            found = {name: each for own in needs for name, each in own.items()}
            return found | {step.name: step}
        return {}

    def obtain(self, step: Step, path: Path | None = None) -> tuple[Record, bool]:
        """The record of ``step`` and whether it had to be computed.

        Raises
        ------
        InputError
            If the store only reads back and the record is missing, stale or damaged.
        """
        path = path or self.path(step)
        try:
            return Record.load(path, name=step.name, key=step.key), False
        except InputError:
            if not self.compute:
                raise
        data: dict[str, Any] = {
            name: self.obtain(need)[0].data for name, need in step.needs.items()
        }
        self.started(step.name)
        partial = self.path(step).with_suffix("")
        if step.resumes:
            partial.mkdir(parents=True, exist_ok=True)
            data["folder"] = partial
        started = time.perf_counter()
        made = step.function(**step.options, **data)
        seconds = round(time.perf_counter() - started, 1)
        record = Record(
            name=step.name,
            key=step.key,
            inputs=step.inputs,
            environment=environment(self.seed) | {"seconds": seconds},
            data=made,
        )
        record.save(path)
        if step.resumes:
            shutil.rmtree(partial)
        # As a later run finds it: JSON sorts the keys, and figures go by their order.
        return Record.load(path, name=step.name, key=step.key), True

"""What every command shares: data on stdout, talk and progress bars on stderr."""

import json
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from realmodel.runs.printable import printable

READER_GONE = 128 + 13
"""Exit code of a program that SIGPIPE ended: what ``| head`` makes of others."""


class Stream(Console):
    """A console whose reader may go away: rich's own exit code for that is an error's."""

    def on_broken_pipe(self) -> None:
        """Write no more, and end."""
        try:
            super().on_broken_pipe()
        except SystemExit:
            raise SystemExit(READER_GONE) from None


stdout = Stream()
stderr = Stream(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON on stdout.")]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of every random draw.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Also the theory: bounds, coupling, other rules.")
]
OutputDir = Annotated[
    Path | None, typer.Option("--output-dir", help="Folder for the files; made if absent.")
]


def drop_unwritten() -> None:
    """Where stdout takes no more, forget what is buffered: Python would complain at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """One line on stderr, as it is: no name in it is taken for markup."""
    stderr.print(printable(text), markup=False, highlight=False, soft_wrap=True)


class Stages(Progress):
    """Without a terminal a line for each stage, when it begins; no bar."""

    def __init__(self) -> None:
        super().__init__(console=stderr, disable=True)
        self._told: set[str] = set()

    def add_task(self, description: str, *arguments: Any, **options: Any) -> TaskID:
        """As rich's; says the stage if its size is known."""
        task = super().add_task(description, *arguments, **options)
        self._tell(task)
        return task

    def update(self, task_id: TaskID, *arguments: Any, **options: Any) -> None:
        """As rich's; a new description is a new stage."""
        super().update(task_id, *arguments, **options)
        self._tell(task_id)

    def _tell(self, task: TaskID) -> None:
        stage = self._tasks[task]
        if stage.total is not None and stage.description not in self._told:
            self._told.add(stage.description)
            say(stage.description)


def progress() -> Progress:
    """Progress bars on stderr; where that is no terminal one line for each stage."""
    if not stderr.is_terminal:
        return Stages()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
    )


@contextmanager
def stage_lines() -> Generator[Callable[[str, int, int], None]]:
    """A line of :func:`progress` for each stage, told how much of it is done, and of how much."""
    with progress() as bar:
        lines: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in lines:
                lines[stage] = bar.add_task(stage, total=total)
            bar.update(lines[stage], completed=done, total=total)

        yield tell


def emit(record: Mapping[str, Any], table: RenderableType, *, as_json: bool) -> None:
    """Print ``record`` as JSON or its ``table``, on stdout."""
    if as_json:
        typer.echo(json.dumps(record, indent=2, allow_nan=False))
    else:
        stdout.print(table)

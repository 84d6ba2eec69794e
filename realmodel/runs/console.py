"""What every command shares: data on stdout, talk and progress bars on stderr."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from realmodel.runs.printable import printable

stdout = Console()
stderr = Console(stderr=True)

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


def say(text: str) -> None:
    """One line on stderr, as it is: no name in it is taken for markup."""
    stderr.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def progress() -> Progress:
    """Progress bar on stderr; silent when stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=stderr,
        disable=not stderr.is_terminal,
        transient=True,
    )


def emit(record: Mapping[str, Any], table: RenderableType, *, as_json: bool) -> None:
    """Print ``record`` as JSON or its ``table``, on stdout."""
    if as_json:
        typer.echo(json.dumps(record, indent=2, allow_nan=False))
    else:
        stdout.print(table)

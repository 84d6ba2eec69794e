"""The Typer application: its commands, and one way to report bad input."""

from typing import Any

import typer
from typer.core import TyperGroup

from realmodel.cli.claim import releasing
from realmodel.runs.allocator import keep_freed_memory
from realmodel.runs.reported import reported


class Commands(TyperGroup):
    """A command group that turns :class:`theory.InputError` into one line and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; bad input, and a system that refuses, end without a traceback."""
        with reported(), releasing():
            return super().invoke(ctx)


app = typer.Typer(
    name="layercard",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which layers should LoRA adapt? Theorems verified, models measured.",
)


@app.callback()
def layercard() -> None:
    """Which layers should LoRA adapt? Theorems verified, models measured."""
    keep_freed_memory()

"""The Typer application: its commands, and one way to report bad input."""

from typing import Any

import typer
from typer.core import TyperGroup

from realmodel.cli.claim import releasing
from realmodel.runs.allocator import keep_freed_memory
from realmodel.runs.console import drop_unwritten, stderr, stdout
from realmodel.runs.panics import panics_as_errors
from realmodel.runs.printable import printable
from theory import InputError


class Commands(TyperGroup):
    """A command group that turns :class:`theory.InputError` into one line and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; bad input, and a system that refuses, end without a traceback."""
        try:
            with releasing(), panics_as_errors():
                return super().invoke(ctx)
        except BrokenPipeError:
            stdout.on_broken_pipe()
        except (InputError, OSError) as error:
            drop_unwritten()
            message = printable(f"error: {error}")
            stderr.print(message, style="red", markup=False, soft_wrap=True)
            raise typer.Exit(2) from None


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

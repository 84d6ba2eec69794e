"""How a command ends on bad input: one line on stderr, exit code 2, no traceback."""

from collections.abc import Generator
from contextlib import contextmanager

import typer

from realmodel.runs.console import drop_unwritten, stderr, stdout
from realmodel.runs.panics import panics_as_errors
from realmodel.runs.printable import printable
from theory import InputError


def tell_error(text: str) -> None:
    """One line on stderr, in red, with nothing in it taken for markup."""
    stderr.print(printable(f"error: {text}"), style="red", markup=False, soft_wrap=True)


@contextmanager
def reported() -> Generator[None]:
    """End the command where the block meets bad input, or a system that refuses.

    Raises
    ------
    typer.Exit
        2 after an error, and as :class:`realmodel.runs.console.Stream` where the reader has gone.
    """
    try:
        with panics_as_errors():
            yield
    except BrokenPipeError:
        stdout.on_broken_pipe()
    except (InputError, OSError) as error:
        drop_unwritten()
        tell_error(str(error))
        raise typer.Exit(2) from None

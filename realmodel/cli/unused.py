"""Options that were typed and have no part in what was asked for: said, not passed over."""

from collections.abc import Mapping

import typer

from realmodel.runs.console import say


def say_unused(context: typer.Context, reasons: Mapping[str, str | None]) -> None:
    """A line on stderr for each option of the command line that is not used.

    Parameters
    ----------
    context : typer.Context
        Of the running command.
    reasons : mapping of str to str or None
        By the name of a parameter, what the option needs that is not there; None where it is used.
    """
    for option in context.command.params:
        needed = reasons.get(str(option.name))
        source = context.get_parameter_source(str(option.name))
        if needed is not None and source is not None and source.name == "COMMANDLINE":
            say(f"{max(option.opts, key=len)} is not used: it needs {needed}")

"""The options of every command that reads data, gathered into one object."""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from realmodel.datasets import ReadOptions
from realmodel.datasets.options import read_template
from realmodel.runs.console import stderr


class Loss(StrEnum):
    """Which tokens are trained."""

    completion = "completion"
    all = "all"


PANEL = "Data"


def reading(
    column: Annotated[
        str | None,
        typer.Option(
            help="Column of whole texts or conversations, or of completions beside a prompt "
            "(chosen).",
            rich_help_panel=PANEL,
        ),
    ] = None,
    prompt_column: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of prompts; may be repeated, joined by newlines.", rich_help_panel=PANEL
        ),
    ] = None,
    completion_column: Annotated[
        str | None, typer.Option(help="Column of completions.", rich_help_panel=PANEL)
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Of a folder or a hub data set; train.", rich_help_panel=PANEL),
    ] = None,
    subset: Annotated[
        str | None, typer.Option(help="Configuration of a hub data set.", rich_help_panel=PANEL)
    ] = None,
    chat_template: Annotated[
        str | None,
        typer.Option(
            help="Jinja file that renders conversations, or chatml; the tokenizer's by default.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    loss_on: Annotated[
        Loss,
        typer.Option(
            help="Train the completion (of a conversation: the assistant's turns), or all tokens.",
            rich_help_panel=PANEL,
        ),
    ] = Loss.completion,
) -> ReadOptions:
    """The object that these options make."""
    return ReadOptions(
        column=column,
        prompt_columns=tuple(prompt_column or ()),
        completion_column=completion_column,
        split=split,
        subset=subset,
        chat_template=read_template(chat_template),
        loss=loss_on.value,
        template_source=chat_template,
    )


READING = tuple(inspect.signature(reading).parameters)
"""Names of these parameters."""


def reads_data(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above in place of its parameter ``reading``.

    Examples
    --------
    >>> @reads_data
    ... def show(reading: ReadOptions) -> None:
    ...     print(reading.column)
    >>> show(column="chosen")
    chosen
    """
    options = inspect.signature(reading).parameters
    own = inspect.signature(command).parameters

    @functools.wraps(command)
    def gathered(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in options if name in arguments}
        command(**arguments, reading=reading(**given))

    kept = [parameter for name, parameter in own.items() if name != "reading"]
    signature = inspect.Signature([*kept, *options.values()])
    # Typer reads both.
    vars(gathered)["__signature__"] = signature
    gathered.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    return gathered


def tell_columns(message: str) -> None:
    """Say on stderr which columns are read; escape sequences in their names stay text."""
    stderr.print(
        "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in message),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )

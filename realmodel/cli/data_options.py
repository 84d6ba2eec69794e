"""The options of every command that reads data."""

import inspect
from typing import Annotated, Literal

import typer

from realmodel.datasets import ReadOptions
from realmodel.datasets.options import read_template
from realmodel.runs.console import stderr

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
        Literal["completion", "all"],
        typer.Option(
            help="Train the completion (of a conversation: the assistant's turns), or all tokens.",
            rich_help_panel=PANEL,
        ),
    ] = "completion",
) -> ReadOptions:
    """The object that these options make."""
    return ReadOptions(
        column=column,
        prompt_columns=tuple(prompt_column or ()),
        completion_column=completion_column,
        split=split,
        subset=subset,
        chat_template=read_template(chat_template),
        loss=loss_on,
        template_source=chat_template,
    )


READING = tuple(inspect.signature(reading).parameters)
"""Names of these parameters."""


def tell_columns(message: str) -> None:
    """Say on stderr which columns are read; escape sequences in their names stay text."""
    stderr.print(
        "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in message),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )

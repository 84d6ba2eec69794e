"""How a data set is read: one object that travels whole from the command line to the reader."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from realmodel.datasets.document import Document
from theory import InputError

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}"
    "{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content + '<|im_end|>\n' }}{% endgeneration %}"
    "{% else %}{{ message.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""ChatML without a default system prompt, its assistant turns marked."""

LOSSES = ("completion", "all")


@dataclass(frozen=True)
class ReadOptions:
    """Which columns, which split, and which tokens are trained.

    Parameters
    ----------
    column : str, optional
        The column that holds everything: a text (all of it trained), a conversation, or beside a
        prompt the completion (``chosen`` of preference rows).
    prompt_columns : tuple of str
        Columns that make the prompt, joined by newlines where there are several.
    completion_column : str, optional
        The column that is trained.
    split, subset : str, optional
        Of a folder, a hub data set or a JSON file that wraps several lists.
    chat_template : str, optional
        Jinja text that renders conversations; the tokenizer's own by default.
    loss : {"completion", "all"}
        Train the completion (of a conversation: the assistant's turns), or every token.
    template_source : str, optional
        Where ``chat_template`` was read, for the record.

    Raises
    ------
    InputError
        When ``column`` is given beside a completion column, a column is named twice, the prompt
        columns are one text, or ``loss`` is unknown.
    """

    column: str | None = None
    prompt_columns: tuple[str, ...] = ()
    completion_column: str | None = None
    split: str | None = None
    subset: str | None = None
    chat_template: str | None = None
    loss: Literal["completion", "all"] = "completion"
    template_source: str | None = None

    def __post_init__(self) -> None:
        if self.column is not None and self.completion_column is not None:
            raise InputError(
                f"column {self.column!r} and completion column {self.completion_column!r} exclude "
                "each other: the first holds all that is trained"
            )
        if isinstance(self.prompt_columns, str):
            raise InputError(
                f"prompt columns must be a tuple of names, not the text {self.prompt_columns!r}"
            )
        object.__setattr__(self, "prompt_columns", tuple(self.prompt_columns))
        named = [*self.prompt_columns, self.column or self.completion_column]
        twice = next((name for name in named if name and named.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"column {twice!r} is named twice: a column is read once")
        if self.loss not in LOSSES:
            raise InputError(f"loss on {self.loss!r}: choose one of {', '.join(LOSSES)}")

    def named(self) -> dict[str, str | list[str]]:
        """What departs from the defaults, as JSON, by the names that commands give it.

        Examples
        --------
        >>> ReadOptions(split="test", prompt_columns=("a", "b")).named()
        {'prompt_column': ['a', 'b'], 'split': 'test'}
        """
        found: dict[str, str | list[str] | None] = {
            "column": self.column,
            "prompt_column": list(self.prompt_columns),
            "completion_column": self.completion_column,
            "split": self.split,
            "subset": self.subset,
            "chat_template": self.template_source,
            "loss_on": None if self.loss == "completion" else self.loss,
        }
        return {name: value for name, value in found.items() if value}

    def of_other_data(self, source: str | Path, split: str | None = None) -> "ReadOptions":
        """The same columns for other data, such as held-out ones; a file of them has no splits.

        Examples
        --------
        >>> ReadOptions(split="train").of_other_data("squad", "validation").split
        'validation'
        """
        alone = os.path.isfile(source)  # False where a path is none
        inherited = (None, None) if alone else (self.split, self.subset)
        return replace(self, split=split or inherited[0], subset=inherited[1])

    @property
    def names_columns(self) -> bool:
        """Whether any column was named."""
        return bool(self.column or self.prompt_columns or self.completion_column)


def read_template(source: str | None) -> str | None:
    """The text of a chat template: that of a file, or the plain one by its name ``chatml``.

    Raises
    ------
    InputError
        When the file cannot be read.

    Examples
    --------
    >>> read_template("chatml") == CHATML, read_template(None)
    (True, None)
    """
    if source is None:
        return None
    return CHATML if source == "chatml" else Document.open(Path(source)).text

"""From a row of named fields to an example: the schemas that people's data sets have."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from realmodel.datasets.conversation import Conversation, is_conversation, messages_of, transcript
from realmodel.datasets.example import Example
from realmodel.datasets.options import ReadOptions
from realmodel.datasets.table import Table
from theory import InputError

# Prompt field -> completion field of the schemas that are complete by themselves.
PAIRS = {"prompt": "completion", "instruction": "output", "question": "answer"}
PROMPTS = ("prompt", "instruction", "question", "query")
COMPLETIONS = ("completion", "output", "answer", "response")
# Beside an instruction or a question these belong to the prompt, in this order around it.
BEFORE, AFTER = ("system", "system_prompt"), ("input", "context")
CONVERSATIONS = ("messages", "conversations", "conversation")
TEXT = "text"
PREFERRED, REJECTED = "chosen", "rejected"
CHOICES = ("choices", "options")
TOOLS = "tools"
# Unpaired preferences say with a truth value, in CSV by its name, whether the completion is good.
LABEL = "label"
FIELDS = frozenset(
    (*PROMPTS, *COMPLETIONS, *BEFORE, *AFTER, *CONVERSATIONS, TEXT, PREFERRED, REJECTED)
)
WANTED = (
    "prompt/completion, instruction/input/output, question/answer, prompt/response, messages, "
    "conversations or text"
)


def examples(
    table: Table, options: ReadOptions, tell: Callable[[str], None] | None = None
) -> Iterator[Example]:
    """One example a row, by the columns named or by those found.

    Parameters
    ----------
    table : Table
        The rows.
    options : ReadOptions
        Columns named by the user, and what is trained.
    tell : callable, optional
        Told once for each combination of columns which of them are read.

    Raises
    ------
    InputError
        With the number of the row and the field, when a row has no schema or two, or a value
        that is no text.
    """
    told: set[tuple[str, ...]] = set()
    for number, row in table.rows:
        if not isinstance(row, Mapping):
            raise table.error(number, f"expected a JSON object, got {clipped(row)}")
        reading = Reading(table, number, row, options)
        example = reading.example()
        if tell is not None and reading.used not in told:
            told.add(reading.used)
            unused = [str(name) for name in row if name not in reading.used]
            left = f" (not used: {', '.join(unused)})" if unused else ""
            tell(f"{table.source}: columns {', '.join(reading.used)}{left}")
        yield example


class Reading:
    """One row on its way to an example; ``used`` names the columns that were read."""

    def __init__(
        self, table: Table, number: int, row: Mapping[str, Any], options: ReadOptions
    ) -> None:
        self.table, self.number, self.options = table, number, options
        # A null is a field that is absent, as in a table where some rows lack it.
        self.row = {name: value for name, value in row.items() if value is not None}
        self.names = list(row)
        self.used: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Where the example came from."""
        return f"{self.table.name}:{self.number}"

    def error(self, problem: str) -> InputError:
        """An error that names the row."""
        return self.table.error(self.number, problem)

    def example(self) -> Example:
        """The example that this row is."""
        options = self.options
        if options.column is not None:
            return self.by_column(options.column)
        if options.prompt_columns and options.completion_column:
            return self.pair(options.prompt_columns, options.completion_column)
        if options.prompt_columns or options.completion_column:
            return self.completed(options.prompt_columns, options.completion_column)
        return self.by_schema()

    def by_column(self, column: str) -> Example:
        """A whole text or conversation, or the completion of a prompt beside it."""
        self.present(column)
        named = self.options.prompt_columns
        if not named and (column in (*CONVERSATIONS, TEXT) or not self.among(PROMPTS)):
            return self.whole(column)
        prompts = named or (self.one(self.among(PROMPTS), "prompt"),)
        value = self.row[column]
        # A conversation that begins before the reply holds its prompt itself.
        begins = is_conversation(value) and self.messages(column)[0]["role"] != "assistant"
        if begins and not is_conversation(self.row.get(prompts[0])):
            return self.whole(column)
        return self.pair(prompts, column)

    def completed(self, prompts: tuple[str, ...], completion: str | None) -> Example:
        """A pair of which the user named one half."""
        if completion is None:
            completion = self.one(self.among(COMPLETIONS), "completion")
        if not prompts:
            prompts = (self.one(self.among(PROMPTS), "prompt"),)
        return self.pair(prompts, completion)

    def by_schema(self) -> Example:
        """The one schema that is complete in this row."""
        pairs = [(p, c) for p, c in PAIRS.items() if p in self.row and c in self.row]
        wholes = [name for name in (*CONVERSATIONS, TEXT) if name in self.row]
        if len(pairs) + len(wholes) > 1:
            found = [*(f"{p}/{c}" for p, c in pairs), *wholes]
            raise self.error(f"has {' and '.join(found)}; name the column or columns to train on")
        if wholes:
            return self.whole(wholes[0])
        if pairs:
            prompt, completion = pairs[0]
        elif PREFERRED in self.row:
            raise self.error(
                f"is a preference with fields {self.fields()}; name the column to train on, such "
                f"as {PREFERRED}"
            )
        else:
            prompt, completion = self.loose_pair()
        label = self.row.get(LABEL)
        if label is False or (isinstance(label, str) and label.strip().lower() == "false"):
            raise self.error(
                f"says by its {LABEL} that this is no good {completion}; drop such rows, or name "
                "the completion column to train on them"
            )
        return self.pair(self.with_context(prompt), completion)

    def loose_pair(self) -> tuple[str, str]:
        """One prompt field and one completion field that do not belong together by name."""
        prompts, completions = self.among(PROMPTS), self.among(COMPLETIONS)
        if not prompts and completions:
            prompts = self.among(AFTER)
        if not prompts and not completions:
            raise self.error(
                f"has fields {self.fields()}; looked for {WANTED}: name the columns of prompt and "
                "completion, or rename them"
            )
        if not completions:
            raise self.error(f"no {PAIRS.get(prompts[0], 'completion')}; every row needs one")
        return self.one(prompts, "prompt"), self.one(completions, "completion")

    def with_context(self, prompt: str) -> tuple[str, ...]:
        """The prompt's columns: what goes before it, itself, and what goes after it."""
        before = [name for name in self.among(BEFORE) if self.filled(name)]
        after = [name for name in self.among(AFTER) if name != prompt and self.filled(name)]
        if prompt == "prompt" and (before or after):
            raise self.error(
                f"has {', '.join((*before, *after))} beside prompt; name the prompt columns, all "
                "that belong to it"
            )
        return (*before, prompt, *after)

    def pair(self, prompts: Sequence[str], completion: str) -> Example:
        """A prompt made of one column or several, and its completion."""
        for name in (*prompts[:1], completion):
            self.present(name)
        kept = tuple(name for name in prompts if name in self.row)
        self.used = (*kept, completion)
        values = [self.row[name] for name in (*kept, completion)]
        if any(is_conversation(value) for value in values):
            return self.conversational_pair(kept, completion)
        parts = [self.text(name) for name in kept]
        # Only a prompt/completion row is concatenated as it is; others are joined by newlines.
        as_it_is = kept == ("prompt",) or (self.options.names_columns and len(kept) == 1)
        if not as_it_is:
            parts = [part.strip() for part in parts if part.strip()]
        prompt = parts[0] if as_it_is else "\n".join([*parts, ""])
        text = self.text(completion)
        self.is_no_index(completion, text)
        for name, value in ((kept[0], prompt), (completion, text)):
            if not value.strip():
                raise self.error(f"no {name}; every row needs one")
        return self.made(prompt, text if as_it_is else text.strip())

    def conversational_pair(self, prompts: tuple[str, ...], completion: str) -> Example:
        """Prompt and completion that are both lists of messages."""
        if len(prompts) != 1:
            raise self.error(f"conversations in {list(prompts)} cannot be joined; name one column")
        for name in (prompts[0], completion):
            if not is_conversation(self.row[name]):
                raise self.error(
                    f"{name} is {clipped(self.row[name])} beside a conversation; give both as "
                    "text, or both as lists of messages with role and content"
                )
        before, after = (self.messages(name) for name in (prompts[0], completion))
        return self.conversation((*before, *after), len(before))

    def whole(self, column: str) -> Example:
        """A conversation, or a text of which every token is trained."""
        self.used = (column,)
        if not is_conversation(self.row[column]):
            if column in CONVERSATIONS:
                raise self.error(
                    f"{column} is {clipped(self.row[column])}; expected a list of messages with "
                    "role and content (or from and value)"
                )
            text = self.text(column)
            if not text.strip():
                raise self.error(f"no {column}; every row needs one")
            return self.made("", text)
        messages = self.messages(column)
        system = next(iter(self.among(BEFORE)), None)
        if system is not None and messages[0]["role"] != "system" and self.filled(system):
            self.used = (system, column)
            messages = ({"role": "system", "content": self.text(system)}, *messages)
        return self.conversation(messages, None)

    def conversation(
        self, messages: tuple[dict[str, Any], ...], prompt_length: int | None
    ) -> Example:
        """The example of a conversation; prompt and completion are its transcript."""
        turns = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        if prompt_length is None and not turns:
            raise self.error("the conversation has no assistant message to train on")
        first = prompt_length if prompt_length is not None else turns[0]
        if TOOLS in self.row:
            self.used = (*self.used, TOOLS)
        try:
            conversation = Conversation(
                messages, prompt_length, self.row.get(TOOLS), self.options.chat_template
            )
        except InputError as error:
            raise self.error(str(error)) from None
        replies = messages[first:] if prompt_length is not None else [messages[i] for i in turns]
        return Example(
            self.id,
            transcript(messages[:first]),
            transcript(replies, roles=False),
            references=(transcript(replies[:1], roles=False),),
            conversation=conversation,
            loss=self.options.loss,
        )

    def made(self, prompt: str, text: str) -> Example:
        """The example of two texts; one without a prompt is trained on every token."""
        loss = self.options.loss if prompt else "all"
        return Example(self.id, prompt, text, loss=loss)

    def messages(self, column: str) -> tuple[dict[str, Any], ...]:
        """The messages of a column, in the names that templates use."""
        try:
            return messages_of(self.row[column])
        except InputError as error:
            raise self.error(f"{column}: {error}") from None

    def text(self, column: str) -> str:
        """A value as text: numbers and truth values as JSON writes them."""
        value = self.row[column]
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return str(value)
        also = ", or messages with role and content" if isinstance(value, list) else ""
        found = "NaN" if isinstance(value, float) and math.isnan(value) else clipped(value)
        raise self.error(f"{column} is {found}; expected text or a number{also}")

    def is_no_index(self, column: str, text: str) -> None:
        """Refuse the index or letter of a choice, which is not the answer's text."""
        if self.options.names_columns:
            return
        if len(text.strip()) == 1 and text.strip() in self.row:
            raise self.error(
                f"{column} is {self.row[column]!r}, the name of a column; write that column's text "
                "instead, or name the completion column to take it as it is"
            )
        choices = next((self.row[name] for name in CHOICES if name in self.row), None)
        # Texts beside their letters in two lists, or under their letters.
        texts = (
            choices.get("text", [*choices.values()]) if isinstance(choices, Mapping) else choices
        )
        if isinstance(texts, list) and text not in [str(choice) for choice in texts]:
            raise self.error(
                f"{column} is {self.row[column]!r}, none of the choices {clipped(texts)}; write "
                "the text of the right choice, or name the completion column to take it as it is"
            )

    def among(self, names: Sequence[str]) -> list[str]:
        """Those of ``names`` that the row has."""
        return [name for name in names if name in self.row]

    def filled(self, name: str) -> bool:
        """Whether a field is more than a blank text."""
        value = self.row[name]
        return not isinstance(value, str) or bool(value.strip())

    def one(self, names: Sequence[str], what: str) -> str:
        """The only one of several candidates."""
        if len(names) != 1:
            found = " and ".join(names) or f"no {what} among {self.fields()}"
            raise self.error(f"has {found}; name the {what} column")
        return names[0]

    def present(self, name: str) -> None:
        """Refuse a row without this field."""
        if name in self.row:
            return
        if name in self.names:
            raise self.error(f"no {name}; every row needs one")
        raise self.error(f"has no column {name!r}; its fields are {self.fields()}")

    def fields(self) -> list[str]:
        """Names of the row's fields for a message."""
        return sorted(str(name)[:40] for name in self.names)[:12]


def clipped(value: Any) -> str:
    """A value for a message, cut to a line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

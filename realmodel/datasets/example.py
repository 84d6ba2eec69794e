"""One training example of a generation task."""

from dataclasses import dataclass
from typing import Literal

from realmodel.datasets.conversation import Conversation
from theory import InputError


@dataclass(frozen=True)
class Example:
    r"""A prompt, the completion that is trained on, and every accepted completion.

    Parameters
    ----------
    id : str
        Where the example came from: file name and line or entry.
    prompt : str
        The condition; a model reads ``prompt + completion``, so the prompt carries its own
        separator (the readers of E2E, WebNLG, DART and instruction rows end it with a newline).
        Empty for a text that is trained as a whole.
    completion : str
        The text whose tokens carry the loss.
    references : tuple of str
        All completions that the data give for this prompt, for multi-reference scoring;
        ``(completion,)`` when there is no other.
    conversation : Conversation, optional
        Messages that a chat template renders; prompt and completion are then their transcript,
        by which examples are grouped and shown.
    loss : {"completion", "all"}
        Train the completion alone, or every token.

    Raises
    ------
    InputError
        When prompt or completion is blank, or not a text that UTF-8 can hold.

    Examples
    --------
    >>> Example("a:1", "name : Aromi\n", "Aromi is a pub.").references
    ('Aromi is a pub.',)
    """

    id: str
    prompt: str
    completion: str
    references: tuple[str, ...] = ()
    conversation: Conversation | None = None
    loss: Literal["completion", "all"] = "completion"

    def __post_init__(self) -> None:
        for field in ("prompt", "completion"):
            text = getattr(self, field)
            if not text.strip() and not (field == "prompt" and self.may_lack_prompt):
                raise InputError(f"{self.id}: the {field} is empty; give one or drop this example")
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InputError(
                    f"{self.id}: the {field} holds half of a surrogate pair "
                    f"({text[error.start]!r}), which is no character; drop or mend it"
                ) from None
        if not self.references:
            object.__setattr__(self, "references", (self.completion,))

    @property
    def may_lack_prompt(self) -> bool:
        """Whether nothing has to come before the completion."""
        return not self.prompt and (self.loss == "all" or self.conversation is not None)

    @property
    def group(self) -> str:
        """What examples of one prompt share: the prompt, or the text that has none."""
        return self.prompt or self.completion

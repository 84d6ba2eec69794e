"""One training example of a generation task."""

from dataclasses import dataclass

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
    completion : str
        The text whose tokens carry the loss.
    references : tuple of str
        All completions that the data give for this prompt, for multi-reference scoring;
        ``(completion,)`` when there is no other.

    Raises
    ------
    InputError
        When prompt or completion is blank.

    Examples
    --------
    >>> Example("a:1", "name : Aromi\n", "Aromi is a pub.").references
    ('Aromi is a pub.',)
    """

    id: str
    prompt: str
    completion: str
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("prompt", "completion"):
            if not getattr(self, field).strip():
                raise InputError(f"{self.id}: the {field} is empty; give one or drop this example")
        if not self.references:
            object.__setattr__(self, "references", (self.completion,))

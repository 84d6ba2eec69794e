"""Conversations: messages in the form that chat templates read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from theory import InputError

# ShareGPT's names of the speakers; what is not here must be one of ROLES already.
SPEAKERS = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "model": "assistant",
    "function_call": "assistant",
}
ROLES = ("system", "developer", "user", "assistant", "tool", "function", "ipython")
# How fine-tuning services and trainers say that a reply is context alone.
UNTRAINED = ("weight", "train", "training", "loss")


@dataclass(frozen=True)
class Conversation:
    """Messages, and which of them are trained.

    Parameters
    ----------
    messages : tuple of dict
        Each with ``role`` and ``content``, and what a template may also want (``tool_calls``).
    prompt_length : int or None
        Messages before the completion; None when every assistant turn is trained.
    tools : list, optional
        Functions that the template describes; JSON text is decoded.
    template : str, optional
        Chat template in place of the tokenizer's.

    Raises
    ------
    InputError
        When the tools are neither a list nor JSON of one.
    """

    messages: tuple[dict[str, Any], ...]
    prompt_length: int | None
    tools: Any = None
    template: str | None = None

    def __post_init__(self) -> None:
        tools = self.tools
        if isinstance(tools, str):
            try:
                tools = json.loads(tools) if tools.strip() else None
            except (ValueError, RecursionError):
                tools = ()
        if tools is not None and not isinstance(tools, list):
            raise InputError("tools: expected a list of functions, or JSON of one")
        object.__setattr__(self, "tools", tools or None)


def is_conversation(value: Any) -> bool:
    """Whether a value looks like messages: a list whose first entry names a speaker.

    Examples
    --------
    >>> is_conversation([{"from": "human", "value": "Hi"}]), is_conversation(["Hi"])
    (True, False)
    """
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, Mapping) and bool(first.keys() & {"role", "from"})


def messages_of(value: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """Messages with ``role`` and text ``content``, from those or from ShareGPT's names.

    Raises
    ------
    InputError
        With the number of the message, when it is no message, its role is unknown or its
        content is no text.

    Examples
    --------
    >>> messages_of([{"from": "gpt", "value": "Hello."}])
    ({'role': 'assistant', 'content': 'Hello.'},)
    """
    return tuple(_message(number, entry) for number, entry in enumerate(value, start=1))


def _message(number: int, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise InputError(f"message {number} is {entry!r:.60}; expected role and content")
    # Tables fill what a message lacks with nulls.
    message = {str(key): value for key, value in entry.items() if value is not None}
    for old, new in (("from", "role"), ("value", "content")):
        if old in message and message.setdefault(new, message[old]) != message[old]:
            raise InputError(
                f"message {number} has {old} {message[old]!r:.60} and {new} {message[new]!r:.60}; "
                "keep one of them"
            )
        message.pop(old, None)
    role = message.get("role")
    role = SPEAKERS.get(role, role) if isinstance(role, str) else role
    if role not in ROLES:
        raise InputError(f"message {number} has role {role!r:.60}; known are {', '.join(ROLES)}")
    calls = message.get("tool_calls")
    if calls is not None and not (isinstance(calls, list) and all(map(_is_call, calls))):
        raise InputError(
            f"message {number} has tool_calls {calls!r:.60}; expected a list of calls, each with "
            "the name of its function"
        )
    for name in UNTRAINED:
        if role == "assistant" and name in message and not message[name]:
            raise InputError(
                f"message {number} says by its {name}, {message[name]!r}, that it is not to be "
                "trained; give what comes before the reply as prompt and the reply as completion, "
                f"or drop {name}"
            )
    content = message.get("content", "" if calls else None)
    if isinstance(content, list):
        content = _joined(number, content)
    if not isinstance(content, str):
        raise InputError(f"message {number} has content {content!r:.60}; expected text")
    if not content.strip() and not calls and role in ("user", "assistant"):
        raise InputError(f"message {number} ({role}) is empty; drop it or fill it")
    return {**message, "role": role, "content": content}


def _is_call(call: Any) -> bool:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    return isinstance(function, Mapping) and isinstance(function.get("name"), str)


def _joined(number: int, parts: list[Any]) -> str:
    """The text of a list of parts; an image has no place in a language model's loss."""
    texts: list[str] = []
    for part in parts:
        text = part.get("text") if isinstance(part, Mapping) else None
        if not isinstance(text, str):
            raise InputError(f"message {number} has a part {part!r:.60}; only text can be read")
        texts.append(text)
    return "".join(texts)


def transcript(messages: Sequence[Mapping[str, Any]], *, roles: bool = True) -> str:
    """A conversation as plain lines, to group by and to show; models read the template's text.

    Examples
    --------
    >>> transcript([{"role": "user", "content": "Hi"}])
    'user: Hi'
    """
    return "\n".join(
        (f"{message['role']}: " if roles else "") + (message["content"] or _calls(message))
        for message in messages
    )


def _calls(message: Mapping[str, Any]) -> str:
    return json.dumps(message.get("tool_calls", ""), default=str)

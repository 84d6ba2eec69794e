"""Token ids and labels of one example, as TRL's SFTTrainer makes them.

Texts: prompt and completion are tokenised together, and the completion starts where the tokens
leave those of the prompt alone. Conversations: the chat template renders them; the loss is on the
completion's messages, or on every assistant turn. Two things are deliberately not TRL's: a begin
or end of sequence that the data hold already is never added again, and a template without
``{% generation %}`` is not exchanged for another one, its assistant turns are found by prefix.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from realmodel.datasets import Conversation, Example
from realmodel.runs.one_line import one_line
from realmodel.runs.panics import panics_as_errors
from theory import InputError

GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
SEEN_ROLES = ("system", "developer", "user")
REASONING = ("reasoning_content", "reasoning", "thinking")
PROBE = "layercardprobe"


def token_ids(example: Example, tokenizer: Any) -> tuple[list[int], list[bool]]:
    """Token ids of an example, and which of them carry loss.

    Parameters
    ----------
    example : Example
        A text or a conversation.
    tokenizer : transformers tokenizer
        Its special tokens and its chat template are used.

    Returns
    -------
    ids : list of int
    trained : list of bool
        One per token.

    Raises
    ------
    InputError
        When a conversation meets a tokenizer without chat template, the template refuses it or
        leaves a message out, the assistant's turns cannot be found, or the tokenizer fails.
    """
    conversation = example.conversation
    if conversation is None:
        ids, start = _text(example, tokenizer)
        trained = [index >= start for index in range(len(ids))]
    elif example.loss == "all":
        ids = _tokenised(render(example, tokenizer), tokenizer, example.id, special=False)
        trained = [True] * len(ids)
    elif conversation.prompt_length is not None:
        ids, start = _completion(example, conversation.prompt_length, tokenizer)
        trained = [index >= start for index in range(len(ids))]
    else:
        ids, trained = _assistant_turns(example, conversation, tokenizer)
    if example.loss == "all":
        trained = [True] * len(ids)
    if not any(trained[1:]):  # nothing predicts the first token
        raise InputError(f"{example.id}: no token is trained; the completion renders to nothing")
    return ids, trained


def prompt_ids(text: str, tokenizer: Any, name: str) -> list[int]:
    """Token ids to generate after: begin of sequence once, no end of sequence.

    Parameters
    ----------
    text : str
        A prompt, perhaps rendered by a chat template.
    name : str
        Whose prompt it is, for messages.
    """
    ids = _once_begun(text, _tokenised(text, tokenizer, name), tokenizer)
    ended = len(ids) > 1 and ids[-1] == tokenizer.eos_token_id
    # Some tokenizers close every text; what the prompt itself ends with stays.
    return ids[:-1] if ended and not _ends(text, tokenizer) else ids


def prompt_text(example: Example, tokenizer: Any) -> str:
    """What a model is given to answer: the prompt, or the rendered messages before the reply."""
    conversation = example.conversation
    if conversation is None:
        return example.prompt
    count = conversation.prompt_length
    if count is None:
        roles = [message["role"] for message in conversation.messages]
        count = roles.index("assistant")
    return render(example, tokenizer, count, begin_reply=True)


def render(
    example: Example,
    tokenizer: Any,
    count: int | None = None,
    *,
    begin_reply: bool = False,
    messages: Sequence[dict[str, Any]] | None = None,
) -> str:
    """The chat template's text of the first ``count`` messages, or of ``messages``.

    Raises
    ------
    InputError
        When there is no template, or it refuses the messages.
    """
    conversation = _conversation(example)
    chosen = list(conversation.messages[:count] if messages is None else messages)
    if conversation.template is None and not getattr(tokenizer, "chat_template", None):
        raise InputError(
            f"{example.id}: a conversation, but the tokenizer has no chat template; give a chat "
            "template (a file, or chatml), or rows of prompt and completion as text"
        )
    try:
        return tokenizer.apply_chat_template(
            chosen,
            tools=conversation.tools,
            chat_template=conversation.template,
            add_generation_prompt=begin_reply,
            tokenize=False,
        )
    except Exception as error:  # Jinja's errors, and what a template raises by itself
        raise InputError(
            f"{example.id}: the chat template refuses this: {one_line(error)}"
        ) from None


def common_prefix(ids: Sequence[Any], others: Sequence[Any]) -> int:
    """How many leading entries two sequences share.

    Examples
    --------
    >>> common_prefix([5, 6, 7], [5, 6, 8, 9])
    2
    """
    shorter = min(len(ids), len(others))
    if ids[:shorter] == others[:shorter]:
        return shorter
    pairs = zip(ids, others, strict=False)
    return next(i for i, (a, b) in enumerate(pairs) if a != b)


def _conversation(example: Example) -> Conversation:
    if example.conversation is None:
        raise InputError(f"{example.id}: not a conversation")
    return example.conversation


def _tokenised(text: str, tokenizer: Any, name: str, *, special: bool = True) -> list[int]:
    try:
        with panics_as_errors():
            # verbose=False: what is too long is dealt with by encode, transformers need not warn.
            return list(tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])
    except Exception as error:  # any code of any tokenizer
        raise InputError(f"{name}: the tokenizer fails on this text: {one_line(error)}") from None


def _once_begun(text: str, ids: list[int], tokenizer: Any) -> list[int]:
    """Without the begin of sequence that the tokenizer adds before the one in the text."""
    begin = getattr(tokenizer, "bos_token_id", None)
    mark = getattr(tokenizer, "bos_token", None)
    twice = begin is not None and ids[:2] == [begin, begin]
    return ids[1:] if twice and mark and text.lstrip().startswith(mark) else ids


def _ends(text: str, tokenizer: Any) -> bool:
    """Whether a text ends its sequence itself; templates often put a newline after the mark."""
    mark = str(getattr(tokenizer, "eos_token", None) or "")
    return bool(mark) and text.rstrip().endswith(mark)


def _text(example: Example, tokenizer: Any) -> tuple[list[int], int]:
    """Ids of prompt, completion and end of sequence, and where the completion starts."""
    end = tokenizer.eos_token_id
    text = example.prompt + example.completion
    ids = _once_begun(text, _tokenised(text, tokenizer, example.id), tokenizer)
    if _ends(text, tokenizer):
        # A tokenizer that closes every text has put a second end after the first.
        ids = ids[:-1] if ids[-2:] == [end, end] else ids
    elif ids[-1:] != [end]:
        ids = [*ids, end]
    if not example.prompt:
        return ids, 0
    prompt = _once_begun(
        example.prompt, _tokenised(example.prompt, tokenizer, example.id), tokenizer
    )
    return ids, common_prefix(prompt, ids)


def _completion(example: Example, count: int, tokenizer: Any) -> tuple[list[int], int]:
    """Ids of a conversation, and where what follows its first ``count`` messages starts."""
    whole = render(example, tokenizer)
    _all_seen(example, whole)
    ids = _tokenised(whole, tokenizer, example.id, special=False)
    before = render(example, tokenizer, count, begin_reply=True)
    return ids, common_prefix(_tokenised(before, tokenizer, example.id, special=False), ids)


def _assistant_turns(
    example: Example, conversation: Conversation, tokenizer: Any
) -> tuple[list[int], list[bool]]:
    """Ids of a conversation, and which belong to the assistant."""
    whole = render(example, tokenizer)
    _all_seen(example, whole)
    if _marks_turns(conversation, tokenizer):
        made = tokenizer.apply_chat_template(
            list(conversation.messages),
            tools=conversation.tools,
            chat_template=conversation.template,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        return list(made["input_ids"]), [bool(mask) for mask in made["assistant_masks"]]
    ids = _tokenised(whole, tokenizer, example.id, special=False)
    trained = [False] * len(ids)
    place = _places(whole, ids, tokenizer, example.id)
    for turn, message in enumerate(conversation.messages):
        if message["role"] == "assistant":
            start, stop = map(place, _span(example, turn, whole, tokenizer))
            trained[start:stop] = [True] * (stop - start)
    return ids, trained


def _places(text: str, ids: list[int], tokenizer: Any, name: str) -> Callable[[int], int]:
    """From a character of ``text`` to how many tokens lie before it."""
    if getattr(tokenizer, "is_fast", False):
        made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ends = [end for _, end in made["offset_mapping"]]
        # A token across the boundary belongs to what it reaches into.
        return lambda character: bisect_right(ends, character)
    return lambda character: (
        common_prefix(_tokenised(text[:character], tokenizer, name, special=False), ids)
        if character < len(text)
        else len(ids)
    )


def _marks_turns(conversation: Conversation, tokenizer: Any) -> bool:
    """Whether the template marks the assistant's turns, and tokens know their characters."""
    template = conversation.template or tokenizer.get_chat_template(tools=conversation.tools)
    return bool(GENERATION.search(template)) and bool(getattr(tokenizer, "is_fast", False))


def _span(example: Example, turn: int, whole: str, tokenizer: Any) -> tuple[int, int]:
    """Where an assistant turn starts and ends in the rendered conversation, in characters.

    It starts where the text of the messages before it, with the beginning of a reply, ends. A
    template may render a turn differently when it is the last one (Qwen3 keeps an empty thought
    there). Then the end is found from behind: a probe in place of the turn shows what follows it,
    and what follows it when it is last is the mark that ends a turn.
    """
    messages = list(_conversation(example).messages)
    earlier = render(example, tokenizer, turn) if turn else ""
    before = render(example, tokenizer, turn, begin_reply=True) if turn else ""
    start = common_prefix(before, whole)
    until = render(example, tokenizer, turn + 1)
    if len(earlier) <= start < len(until) and whole.startswith(until):
        return start, len(until)
    probed = [*messages[:turn], {"role": "assistant", "content": PROBE}]
    _, found, last = render(example, tokenizer, messages=probed).rpartition(PROBE)
    _, again, after = render(
        example, tokenizer, messages=[*probed, *messages[turn + 1 :]]
    ).partition(PROBE)
    rest = after[common_prefix(last, after) :]
    stop = len(whole) - len(rest)
    # The beginning of a reply may hold more than the reply then keeps, such as an open thought;
    # the messages before it must be rendered as they are in the whole.
    if not (found and again and whole.endswith(rest) and len(earlier) <= start < stop):
        raise InputError(
            f"{example.id}: the chat template hides where assistant message {turn + 1} starts or "
            "ends; give one that marks it with {% generation %}, or train on all tokens"
        )
    return start, stop


def _all_seen(example: Example, whole: str) -> None:
    """Refuse a template that silently leaves a message or a function out."""
    conversation = _conversation(example)
    left_out = [
        f"message {number} (role {message['role']})"
        for number, message in enumerate(conversation.messages, start=1)
        if (message["role"] in SEEN_ROLES and message["content"].strip() not in whole)
        or not all(name in whole for name in _functions(message.get("tool_calls")))
    ]
    if not all(name in whole for name in _functions(conversation.tools)):
        left_out.append("the tools")
    # Of earlier turns templates drop the thoughts on purpose.
    last = next((m for m in reversed(conversation.messages) if m["role"] == "assistant"), {})
    for field in REASONING:
        thought = last.get(field)
        if isinstance(thought, str) and thought.strip() not in whole:
            left_out.append(f"the {field} of the last assistant message")
    if left_out:
        raise InputError(
            f"{example.id}: the chat template leaves out {left_out[0]}; give a template that "
            "renders it, or drop it"
        )


def _functions(calls: Any) -> list[str]:
    """Names of functions, as calls and descriptions of tools hold them."""
    entries = [call.get("function", call) for call in calls or () if isinstance(call, dict)]
    names = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    return [name for name in names if isinstance(name, str)]

"""Gradient checkpointing as a trainer sets it, and how the saving of high placements survives it.

``enable_input_require_grads`` makes the embeddings' output require a gradient. The reentrant kind
cannot train adapters without it, so every block is computed again and differentiated down to the
embeddings, whatever is adapted: high placements save nothing. The other kind needs no such thing;
without it backward stops at the lowest adapted layer, as it does without checkpointing.
transformers, peft and TRL switch it on for both kinds: :class:`realmodel.StopBelowAdapters` takes
it back.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Literal, get_args

from theory import InputError

Checkpointing = Literal["none", "reentrant", "non-reentrant"]
CHECKPOINTING: Final[tuple[Checkpointing, ...]] = get_args(Checkpointing)


def checkpointing_kind(name: str) -> Checkpointing:
    """The kind of this name.

    Raises
    ------
    InputError
        For any other name.

    Examples
    --------
    >>> checkpointing_kind("reentrant")
    'reentrant'
    """
    for kind in CHECKPOINTING:
        if kind == name:
            return kind
    raise InputError(f"unknown gradient checkpointing {name!r}: choose {', '.join(CHECKPOINTING)}")


@contextmanager
def checkpointed(model: Any, kind: Checkpointing) -> Generator[None]:
    """Checkpoint the blocks of a model in evaluation mode; dropout stays off.

    Parameters
    ----------
    model : transformers model
        The one that peft's adapters sit in; given back without checkpointing.
    kind : {"none", "reentrant", "non-reentrant"}
        ``reentrant`` with gradients of the embeddings, which it needs; ``non-reentrant`` without.

    Raises
    ------
    InputError
        If the architecture knows no checkpointing, or the kind is not known.
    """
    checkpointing_kind(kind)
    if kind == "none":
        yield
        return
    name = "activation_checkpointing_enable"  # since transformers 5.18
    if not hasattr(model, name):
        name = "gradient_checkpointing_enable"
    try:
        getattr(model, name)({"use_reentrant": kind == "reentrant"})
    except ValueError as error:
        raise InputError(f"this model cannot checkpoint gradients: {error}") from error
    model.disable_input_require_grads()
    if kind == "reentrant":
        model.enable_input_require_grads()
    # transformers checkpoints what is in training mode. The flag of a block does not reach the
    # modules in it, whose dropout it would switch on.
    blocks = [m for m in model.modules() if getattr(m, "gradient_checkpointing", False)]
    training = [block.training for block in blocks]
    for block in blocks:
        block.training = True
    try:
        yield
    finally:
        for block, before in zip(blocks, training, strict=True):
            block.training = before
        model.disable_input_require_grads()
        getattr(model, name.replace("enable", "disable"))()

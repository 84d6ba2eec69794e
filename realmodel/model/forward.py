"""Call any causal language model with what its forward pass takes, and ask its configuration."""

import inspect
from typing import Any

DEFAULT_WINDOW = 2048


def accepted(model: Any, **arguments: Any) -> dict[str, Any]:
    """Those of the keyword arguments that the model's forward pass names.

    Architectures differ: one with rotary positions takes ``position_ids``, one with learned decay
    does not. Inside adapters it is the base model that is asked.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> accepted(SimpleNamespace(forward=lambda input_ids: None), input_ids=1, use_cache=False)
    {'input_ids': 1}
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    named = inspect.signature(getattr(base, "forward", base)).parameters
    return {name: value for name, value in arguments.items() if name in named}


def text_config(model: Any) -> Any:
    """The configuration of the language model, also where it is nested in a multimodal one."""
    nested = getattr(model.config, "get_text_config", None)
    return model.config if nested is None else nested(decoder=True)


def window_of(model: Any) -> int:
    """Longest sequence that the model takes, in tokens; 2,048 where it names none."""
    window = getattr(text_config(model), "max_position_embeddings", None)
    return DEFAULT_WINDOW if window is None else int(window)

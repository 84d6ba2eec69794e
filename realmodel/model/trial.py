"""One short pass through a model: which modules read what, and whether it reads ahead.

Nothing is known by the architecture's name. Two random sequences go forward, and one logit of the
first goes backward; what arrives where, and where exactly nothing arrives, shows the rest.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from realmodel.model.forward import accepted, window_of
from realmodel.model.frozen import frozen
from realmodel.runs.one_line import one_line
from theory import InputError

LENGTH = 7
"""Of a sequence: odd, so that code which needs whole chunks shows itself."""

LEAK = 1e-5
"""Of the largest gradient: a causal mask lets exactly nothing through."""


@dataclass
class Sight:
    """What was seen of one module.

    Attributes
    ----------
    calls
        How often it was used in the pass.
    source
        Identity of its input: equal for modules that were handed the same tensor.
    reason
        Why it cannot be measured; empty where it can.
    """

    calls: int = 0
    source: tuple[Any, ...] = ()
    reason: str = ""
    gradient: torch.Tensor | None = field(default=None, repr=False)


def observe(model: Any, modules: Mapping[str, nn.Module]) -> dict[str, Sight]:
    """Run the pass and look at each of ``modules`` (linear maps, by name).

    On the meta device nothing can be compared: only uses and shared inputs are seen there, and
    where the code looks at values (mixtures of experts do) not even these.

    Raises
    ------
    InputError
        If the pass fails, the model returns no logits for each position, or a logit depends on a
        later token or on another sequence.
    """
    kind = str(getattr(getattr(model, "config", None), "model_type", type(model).__name__))
    table = model.get_input_embeddings()
    length = min(LENGTH, window_of(model))
    at = length // 2
    sights = {name: Sight() for name in modules}
    embedded: list[torch.Tensor] = []
    kept: list[torch.Tensor] = []  # an address is reused as soon as its tensor is gone
    shape = (2, length)

    def embed(_: nn.Module, __: Any, output: torch.Tensor) -> torch.Tensor:
        embedded.append(output.detach().requires_grad_())
        # A leaf must not be modified in place, which some models do with what they embed.
        return embedded[-1] * 1

    def see(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        sight, hidden = sights[name], inputs[0]
        sight.calls += 1
        kept.append(hidden)
        sight.source = _identity(hidden)
        sight.reason = sight.reason or _misfit(module, hidden, output, shape)
        if isinstance(output, torch.Tensor) and output.requires_grad:
            output.register_hook(lambda gradient: setattr(sight, "gradient", gradient))

    with frozen(model), torch.enable_grad(), ExitStack() as hooks:
        hooks.callback(table.register_forward_hook(embed).remove)
        for name, module in modules.items():
            hooks.callback(module.register_forward_hook(partial(see, name)).remove)
        try:
            logits = model(**_inputs(model, length)).logits
            if tuple(logits.shape[:2]) != shape:
                raise InputError(
                    f"this {kind} model returns logits of shape {tuple(logits.shape)} for "
                    f"{shape} tokens, not one row each: it is not a causal language model"
                )
            logits[0, at].float().logsumexp(-1).backward(retain_graph=True)
            arrived = [x.grad.clone() for x in embedded[:1] if x.grad is not None]
            gradients = {name: sight.gradient for name, sight in sights.items()}
            # From everywhere too: some code overwrites what a longer way back needs.
            logits.float().logsumexp(-1).sum().backward()
        except InputError:
            raise
        except Exception as error:  # any code of any architecture
            if table.weight.is_meta:  # it looks at values: nothing is seen, nothing refused
                return {name: Sight(calls=1, source=(name,)) for name in modules}
            raise InputError(
                f"a short pass through this {kind} model fails: {one_line(error)}"
            ) from error
    if table.weight.is_meta:
        return {name: _judged(sight, None, None, at) for name, sight in sights.items()}
    _refuse_reading_ahead(kind, arrived, at)
    return {name: _judged(sight, gradients[name], shape, at) for name, sight in sights.items()}


def _inputs(model: Any, length: int) -> dict[str, Any]:
    """Two sequences of ordinary tokens, the second one shorter and padded on the right."""
    weight = model.get_input_embeddings().weight
    special = _special(model.config.to_dict()) if hasattr(model, "config") else set[int]()
    usable = [token for token in range(min(len(weight), 4096)) if token not in special] or [0]
    generator = torch.Generator().manual_seed(0)
    draw = torch.randint(len(usable), (2, length), generator=generator)
    ids = torch.tensor(usable)[draw].to(weight.device)
    mask = torch.ones_like(ids)
    mask[1, length - 2 :] = 0
    positions = torch.arange(length).expand(2, -1).to(weight.device)
    return accepted(
        model, input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False
    )


def _special(config: Mapping[str, Any]) -> set[int]:
    """Token ids with a meaning of their own, such as the place of an image."""
    found: set[int] = set()
    for name, value in config.items():
        if isinstance(value, dict):
            found |= _special(value)
        elif str(name).endswith(("_token_id", "_token_index")):
            found |= {token for token in (value if isinstance(value, list) else [value]) if token}
    return found


def _identity(hidden: torch.Tensor) -> tuple[Any, ...]:
    """Equal for one tensor and for what are only other shapes of it."""
    storage: int = hidden.untyped_storage()._cdata  # pyright: ignore[reportPrivateUsage]
    layout = () if hidden.is_contiguous() else (*hidden.shape, *hidden.stride())
    return (storage, hidden.storage_offset(), hidden.numel(), hidden.shape[-1], *layout)


def _misfit(module: Any, hidden: torch.Tensor, output: Any, shape: tuple[int, int]) -> str:
    """Why this use is not one linear map of every position; empty when it is."""
    positions = shape[0] * shape[1]
    if hidden.numel() != positions * hidden.shape[-1]:
        return (
            f"it reads {hidden.numel() // hidden.shape[-1]} rows where there are {positions} "
            "positions, as an expert does"
        )
    if not isinstance(output, torch.Tensor):
        return f"it returns a {type(output).__name__}"
    if module.weight.is_meta or hidden.is_meta:
        return ""
    with torch.no_grad():
        weight = module.weight.T if isinstance(module, Conv1D) else module.weight
        expected = nn.functional.linear(hidden, weight, module.bias).float()
        error, scale = (output.float() - expected).abs().max(), expected.abs().max()
    tolerance = torch.finfo(output.dtype).eps ** 0.5
    if bool(error > tolerance * scale):
        return f"{type(module).__name__} is not the linear map of its weight"
    return ""


def _judged(
    sight: Sight, gradient: torch.Tensor | None, shape: tuple[int, int] | None, at: int
) -> Sight:
    sight.gradient = None
    if sight.calls == 0:
        sight.reason = "it is never called when text is read"
    elif sight.calls > 1:
        sight.reason = f"it is used {sight.calls} times in one pass"
    elif shape is not None and gradient is not None and not sight.reason:
        rows = gradient.reshape(*shape, -1).float().abs().amax(-1)
        if bool(torch.maximum(rows[0, at + 1 :].max(), rows[1].max()) > LEAK * rows.max()):
            sight.reason = "its rows are not in the order of the positions"
    return sight


def _refuse_reading_ahead(kind: str, arrived: Sequence[torch.Tensor], at: int) -> None:
    if not arrived:
        raise InputError(f"the logits of this {kind} model do not depend on its input embeddings")
    rows = arrived[0].float().abs().amax(-1)
    if bool(rows[0, at + 1 :].max() > LEAK * rows.max()):
        raise InputError(
            f"this {kind} model is not causal: a logit depends on later tokens, so that the loss "
            "of the next token means nothing here; give a causal language model"
        )
    if bool(rows[1].max() > LEAK * rows.max()):
        raise InputError(
            f"in this {kind} model the logits of one sequence depend on the others of its batch"
        )

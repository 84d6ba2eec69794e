"""See the input and the output gradient of chosen modules during a backward pass.

The input is kept by autograd itself (``save_for_backward``), so gradient checkpointing and
saved-tensor hooks treat it like any other activation, and everything is accumulated in the
backward pass, once, however often the forward is recomputed.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from realmodel.model.modules import AdaptedModule

Sink = Callable[[AdaptedModule, torch.Tensor, torch.Tensor], None]
"""Receives the module, its input (.., d) and the gradient at its output (.., m)."""


class _Capture(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, output: torch.Tensor, hidden: torch.Tensor, module: AdaptedModule, sink: Sink
    ) -> torch.Tensor:
        ctx.save_for_backward(hidden)
        ctx.module, ctx.sink = module, sink
        # Not a view of ``output``: some models modify in place what a module returned.
        return output.data

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (hidden,), (grad,) = ctx.saved_tensors, grad_outputs
        ctx.sink(ctx.module, hidden, grad)
        return grad, None, None, None


@contextmanager
def captured(model: nn.Module, modules: Sequence[AdaptedModule], sink: Sink) -> Generator[None]:
    """Within this context, each backward pass calls ``sink`` for each of ``modules``.

    Rows come by sequence and position, (n, t, ..), also from modules that see them in another
    shape, as OPT's do. No weight needs a gradient: the graph starts at the lowest module's output,
    so the backward pass goes no further down than it must.
    """
    shape: list[int] = []

    def begin(_: nn.Module, positional: Any, named: dict[str, Any]) -> None:
        ids = named.get("input_ids", positional[0] if positional else None)
        shape[:] = [] if ids is None else ids.shape

    def by_position(module: AdaptedModule, hidden: torch.Tensor, grad: torch.Tensor) -> None:
        if shape and hidden.shape[:-1].numel() == shape[0] * shape[1]:
            hidden, grad = (rows.reshape(*shape, rows.shape[-1]) for rows in (hidden, grad))
        sink(module, hidden, grad)

    def hook(
        module: AdaptedModule, _: nn.Module, inputs: Any, output: torch.Tensor
    ) -> torch.Tensor | None:
        if not torch.is_grad_enabled():
            return None
        if not output.requires_grad:
            output = output.detach().requires_grad_()
        return _Capture.apply(output, inputs[0].detach(), module, by_position)

    with ExitStack() as hooks:
        for module in modules:
            own = model.get_submodule(module.name)
            hooks.callback(own.register_forward_hook(partial(hook, module)).remove)
        hooks.callback(model.register_forward_pre_hook(begin, with_kwargs=True).remove)
        yield

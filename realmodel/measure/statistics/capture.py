"""See the input and the output gradient of chosen modules during a backward pass.

The input is kept by autograd itself (``save_for_backward``), so gradient checkpointing and
saved-tensor hooks treat it like any other activation, and everything is accumulated in the
backward pass, once, however often the forward is recomputed.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
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
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (hidden,), (grad,) = ctx.saved_tensors, grad_outputs
        ctx.sink(ctx.module, hidden, grad)
        return grad, None, None, None


@contextmanager
def captured(model: nn.Module, modules: Sequence[AdaptedModule], sink: Sink) -> Generator[None]:
    """Within this context, each backward pass calls ``sink`` for each of ``modules``.

    No weight needs a gradient: the graph starts at the lowest module's output, so the backward
    pass goes no further down than it must.
    """

    def hook(module: AdaptedModule) -> Callable[..., torch.Tensor | None]:
        def forward_hook(_: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
            if not torch.is_grad_enabled():
                return None
            if not output.requires_grad:
                output = output.detach().requires_grad_()
            captured_output: torch.Tensor = _Capture.apply(output, inputs[0].detach(), module, sink)
            return captured_output

        return forward_hook

    handles = [
        model.get_submodule(module.name).register_forward_hook(hook(module)) for module in modules
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

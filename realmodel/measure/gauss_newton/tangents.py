"""Forward-mode derivatives of the completion logits along rank-1 changes of the weights."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.func import jvp, vmap

from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.head import Head, stopped_at
from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.model.activation import fused_activations
from realmodel.model.batches import Batch
from realmodel.model.modules import AdaptedModule
from realmodel.runs.one_line import one_line
from theory import InputError

Change = Callable[[str, torch.Tensor, torch.Tensor], torch.Tensor]
"""From a module's name, its input (b, t, d) and its output (b, t, m) to its changed output."""


def check_attention(model: Any) -> None:
    """Refuse attention kernels without a forward-mode derivative.

    Raises
    ------
    InputError
        If the model was loaded with attention other than eager.
    """
    attention = getattr(model.config, "_attn_implementation", None)
    if attention not in ("eager", None):
        raise InputError(
            f"attention {attention!r} has no forward-mode derivative: load with attention='eager'"
        )


def check_forward_mode(model: Any, modules: Sequence[AdaptedModule]) -> None:
    """Refuse a model whose code has no forward-mode derivative, by trying a short one.

    Raises
    ------
    InputError
        With what torch misses.
    """
    check_attention(model)
    module = modules[0]
    ids = torch.zeros(1, 3, dtype=torch.int64, device=model.device)
    batch = Batch(ids, torch.ones_like(ids), ids, torch.zeros(1, dtype=torch.int64))
    one = {size: np.ones((1, getattr(module, size))) for size in ("out_features", "in_features")}
    directions = Directions(
        (module,), {module.name: one["out_features"]}, {module.name: one["in_features"]}
    )
    try:
        with fused_activations(model):
            tangents(model, batch, (module,), directions, head=Head())
    except (RuntimeError, NotImplementedError) as error:
        raise InputError(
            f"this {model.config.model_type} model has no forward-mode derivative, which the exact "
            f"curvature needs ({one_line(error, 160)})"
        ) from error


@contextmanager
def changed(model: Any, names: Iterable[str], change: Change) -> Generator[None]:
    """Within this context, the named modules give changed outputs."""

    def hook(name: str, _: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return change(name, inputs[0], output)

    with ExitStack() as stack:
        for name in names:
            handle = model.get_submodule(name).register_forward_hook(partial(hook, name))
            stack.callback(handle.remove)
        yield


def tangents(
    model: Any,
    batch: Batch,
    modules: tuple[AdaptedModule, ...],
    directions: Directions,
    *,
    head: Head,
    chunk: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Values (n, w) of the completion tokens and their derivatives (K, n, w).

    The modules' directions enter as coefficients of ``y + ((h right') c) left``, differentiated at
    ``c = 0`` in all K coordinates by one vectorised forward-mode pass; layers below the lowest
    of ``modules`` carry no tangent and are computed once.

    Parameters
    ----------
    chunk
        Coordinates per pass; all by default.
    """
    sizes = [len(directions.left[module.name]) for module in modules]
    parameter = next(model.parameters())

    def like(values: Any) -> torch.Tensor:
        return torch.from_numpy(values).to(parameter.dtype)

    factors = {
        module.name: (like(directions.left[module.name]), like(directions.right[module.name]))
        for module in modules
    }

    def values(coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        parts = dict(zip(factors, coefficients.split(sizes), strict=True))

        def add(name: str, hidden: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            left, right = (factor.to(hidden.device) for factor in factors[name])
            return output + ((hidden @ right.T) * parts[name].to(hidden.device)) @ left

        with changed(model, factors, add), stopped_at(model, head):
            outputs, _ = completion_logits(model, batch)
        return outputs, outputs

    zero = torch.zeros(sum(sizes), dtype=parameter.dtype, device=model.device)

    def push(direction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        result: Any = jvp(values, (zero,), (direction,), has_aux=True)
        return result[1], result[2]

    basis = torch.eye(len(zero), dtype=zero.dtype, device=zero.device)
    with torch.no_grad():
        vectorise: Any = vmap
        pieces = [
            vectorise(push, out_dims=(0, None))(piece) for piece in basis.split(chunk or len(zero))
        ]
    return pieces[0][1], torch.cat([derivatives for derivatives, _ in pieces])

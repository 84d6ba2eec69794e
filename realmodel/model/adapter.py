"""LoRA adapters by peft on exactly the modules of a placement."""

import hashlib
import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, PeftModel

from realmodel.model.activation import fused_activations
from realmodel.model.lora_config import lora_config_arguments
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule
from realmodel.model.peft_adapters import peft_adapters, trainable_modules
from theory import InputError


@contextmanager
def adapted(
    model: Any,
    modules: Sequence[AdaptedModule],
    options: FinetuneOptions,
    ranks: Mapping[str, int] | None = None,
) -> Generator[PeftModel]:
    """The model with adapters on ``modules``; the base model comes back untouched.

    Each module's ``A`` is drawn from its own stream, named by the seed and the module: two
    placements that share a module start it from the same point, so their difference is the
    placement's and not the draw's. ``B`` starts at zero, as in peft.

    Parameters
    ----------
    model : causal language model
    modules : sequence of AdaptedModule
        The placement.
    options : FinetuneOptions
        Rank and alpha of every module, and the seed.
    ranks : mapping of str to int, optional
        Modules of another rank, at the same ``alpha / rank``.

    Yields
    ------
    peft.PeftModel
        In evaluation mode (no dropout anywhere), on the device of ``model``.

    Raises
    ------
    InputError
        When the modules that peft made trainable are not those of the placement, or a rank is
        given for a module outside it or below 1.
    """
    names = {module.name for module in modules}
    for name, rank in (ranks or {}).items():
        if name not in names or rank < 1:
            raise InputError(
                f"rank {rank} of {name!r}: ranks are at least 1, of modules of the placement"
            )
    if len({module.transposed for module in modules}) > 1:
        raise InputError("cannot adapt Conv1D and Linear modules in one configuration")
    layers = {module.layer for module in modules}
    config = lora_config_arguments(layers, modules, options.rank, options.alpha, ranks=ranks)
    with peft_adapters(model, LoraConfig(**config)) as peft_model:
        refuse_other_modules(peft_model, modules)
        initialise(peft_model, options.seed)
        peft_model.eval()
        with fused_activations(peft_model):
            yield peft_model


def refuse_other_modules(peft_model: PeftModel, modules: Sequence[AdaptedModule]) -> None:
    """Raise unless exactly ``modules`` are trainable."""
    wanted = {module.name for module in modules}
    found = set(trainable_modules(peft_model))
    if found != wanted:
        raise InputError(
            f"peft made other modules trainable than the placement names: missing "
            f"{sorted(wanted - found)}, in excess {sorted(found - wanted)}"
        )


def initialise(peft_model: PeftModel, seed: int) -> None:
    """Draw every ``A`` from the distribution of peft's default, one stream per module."""
    for name, parameter in peft_model.named_parameters():
        if parameter.requires_grad and ".lora_A." in name:
            with torch.no_grad():
                parameter.copy_(initial_factor(parameter.shape, f"{seed}:{name}"))


def initial_factor(shape: Sequence[int], stream: str) -> torch.Tensor:
    """An ``A`` of shape (rank, in) from peft's default distribution, float32."""
    key = hashlib.sha256(stream.encode()).digest()[:8]
    generator = torch.Generator().manual_seed(int.from_bytes(key, "big") >> 1)
    draw = torch.empty(tuple(shape), dtype=torch.float32)
    return torch.nn.init.kaiming_uniform_(draw, a=math.sqrt(5), generator=generator)


def adapter_parameters(peft_model: PeftModel) -> dict[str, torch.nn.Parameter]:
    """The trainable parameters by name, in the model's order."""
    return {name: p for name, p in peft_model.named_parameters() if p.requires_grad}

"""Peft's adapters on a model for a while, and the model back as it was."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer

from theory import InputError


@contextmanager
def peft_adapters(model: Any, config: LoraConfig, *, empty: bool = False) -> Generator[PeftModel]:
    """The model with adapters by ``config``.

    Modules, ``requires_grad``, mode and the state of torch's generator come back, also where peft
    stops half-way.

    Parameters
    ----------
    model : transformers model
        May live on the meta device.
    config : peft.LoraConfig
    empty : bool
        The factors take no memory: to see what is adapted.

    Raises
    ------
    InputError
        When the model carries adapters already.
    """
    if getattr(model, "peft_config", None) is not None:
        raise InputError("the model carries adapters already; load the plain checkpoint")
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    training, state = model.training, torch.random.get_rng_state()
    adapted = None
    try:
        with warnings.catch_warnings():
            # peft asks transformers by a name that transformers renamed.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
            # Where a configuration does not say how weights are stored, peft looks and says so.
            warnings.filterwarnings("ignore", message=".*fan_in_fan_out.*")
            adapted = get_peft_model(model, config, low_cpu_mem_usage=empty)
        yield adapted
    finally:
        if adapted is None:
            _unwrap(model)
        else:
            adapted.unload()
        if hasattr(model, "peft_config"):
            del model.peft_config
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(flags[name])
        model.train(training)
        torch.random.set_rng_state(state)


def trainable_modules(adapted: PeftModel) -> tuple[str, ...]:
    """Names (in the base model) of the modules that hold trainable parameters, sorted."""
    names = {
        name.removeprefix("base_model.model.").split(".lora_")[0]
        for name, parameter in adapted.named_parameters()
        if parameter.requires_grad
    }
    return tuple(sorted(names))


def _unwrap(model: Any) -> None:
    """Undo what peft had done when it stopped half-way."""
    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, module.get_base_layer())

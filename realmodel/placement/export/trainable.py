"""Apply an export to the model and look at what became trainable."""

import warnings
from collections.abc import Mapping
from typing import Any

from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer

from theory import InputError


def trainable_modules(model: Any, arguments: Mapping[str, Any]) -> dict[str, int]:
    """Rank by name of the modules that ``peft.LoraConfig(**arguments)`` makes trainable.

    The model is given back as it was: same modules, same ``requires_grad``. It may live on the
    meta device.

    Raises
    ------
    InputError
        If peft refuses the configuration on this model.
    """
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    config = getattr(model, "peft_config", None)
    if config is not None:
        raise InputError("the model carries adapters already; load the plain checkpoint")
    try:
        with warnings.catch_warnings():
            # peft asks transformers by a name that transformers renamed.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
            adapted = get_peft_model(model, LoraConfig(**arguments), low_cpu_mem_usage=True)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"peft refuses this configuration on this model: {error}") from error
    try:
        base: Any = adapted.base_model.model
        found: dict[str, int] = {}
        extra: list[str] = []
        wrapped = {
            name: module for name, module in base.named_modules() if isinstance(module, LoraLayer)
        }
        for name, parameter in base.named_parameters():
            if not parameter.requires_grad:
                continue
            owner = next((owner for owner in wrapped if name.startswith(f"{owner}.lora_")), None)
            if owner is None:
                extra.append(name)
            else:
                found[owner] = int(wrapped[owner].r["default"])
        if extra:
            raise InputError(f"peft would also train {extra[0]!r}, which no placement asked for")
        return found
    finally:
        adapted.unload()
        if hasattr(model, "peft_config"):
            del model.peft_config
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(flags[name])


def check_trainable(model: Any, arguments: Mapping[str, Any], expected: Mapping[str, int]) -> None:
    """Refuse arguments whose trainable modules or ranks are not the placement's.

    Raises
    ------
    InputError
        Naming a module that is missing, superfluous, or of another rank.
    """
    found = trainable_modules(model, arguments)
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            raise InputError(
                f"exported configuration does not match the placement at {name!r}: "
                f"rank {found.get(name, 0)} instead of {expected.get(name, 0)}"
            )

"""Apply an export to the model and look at what became trainable."""

from collections.abc import Mapping
from typing import Any

from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer

from realmodel.model.peft_adapters import peft_adapters
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
    try:
        with peft_adapters(model, LoraConfig(**arguments), empty=True) as adapted:
            return _ranks(adapted)
    except (ValueError, TypeError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"peft refuses this configuration on this model: {error}") from error


def _ranks(adapted: PeftModel) -> dict[str, int]:
    base: Any = adapted.base_model.model
    found: dict[str, int] = {}
    wrapped = {
        name: module for name, module in base.named_modules() if isinstance(module, LoraLayer)
    }
    for name, parameter in base.named_parameters():
        if not parameter.requires_grad:
            continue
        owner = next((owner for owner in wrapped if name.startswith(f"{owner}.lora_")), None)
        if owner is None:
            raise InputError(f"peft would also train {name!r}, which no placement asked for")
        found[owner] = int(wrapped[owner].r["default"])
    return found


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

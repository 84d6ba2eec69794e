"""Which linear maps peft can adapt: asked of peft itself, on the model at hand."""

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from peft import LoraConfig, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer


def peft_refusals(
    model: Any, kinds: Mapping[str, Sequence[str]], *, transposed: bool
) -> dict[str, str]:
    """Peft's reason by kind of module that it refuses; empty where it takes all of them.

    Parameters
    ----------
    model : transformers model
        Given back as it was.
    kinds : mapping of str to sequence of str
        Full names of the modules of each kind, such as ``self_attn.q_proj``.
    transposed : bool
        Whether weights are stored (in, out).
    """
    everything = [name for names in kinds.values() for name in names]
    if not everything or _refusal(model, everything, transposed) is None:
        return {}
    reasons = {kind: _refusal(model, names, transposed) for kind, names in kinds.items()}
    return {kind: reason for kind, reason in reasons.items() if reason is not None}


def _refusal(model: Any, names: Sequence[str], transposed: bool) -> str | None:
    trainable = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    config = LoraConfig(
        r=1, target_modules=list(names), fan_in_fan_out=transposed, task_type="CAUSAL_LM"
    )
    adapted = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            adapted = get_peft_model(model, config, low_cpu_mem_usage=True)
            found = {
                name.removeprefix("base_model.model.").split(".lora_")[0]
                for name, parameter in adapted.named_parameters()
                if parameter.requires_grad
            }
            # Of some mixtures peft rewrites the names of plain layers to those of fused experts.
            if other := sorted(found - set(names)):
                return f"it adapts {other[0]} in its place"
        except Exception as error:  # peft has no class of its own for what it refuses
            text = re.sub(r"^\[.*?\] ", "", " ".join(str(error).split()))
            return text.partition(". ")[0]
        finally:
            if adapted is not None:
                adapted.unload()
            else:
                _unwrap(model)
            if hasattr(model, "peft_config"):
                del model.peft_config
            wanted = set(trainable)
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name in wanted)
    return None


def _unwrap(model: Any) -> None:
    """Undo what peft had done when it stopped half-way."""
    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, module.get_base_layer())

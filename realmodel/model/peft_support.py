"""Which linear maps peft can adapt: asked of peft itself, on the model at hand."""

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from peft import LoraConfig

from realmodel.model.peft_adapters import peft_adapters, trainable_modules


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
    config = LoraConfig(
        r=1, target_modules=list(names), fan_in_fan_out=transposed, task_type="CAUSAL_LM"
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with peft_adapters(model, config, empty=True) as adapted:
                # Of some mixtures peft rewrites plain layers as fused experts.
                other = sorted(set(trainable_modules(adapted)) - set(names))
    except Exception as error:  # peft has no class of its own for what it refuses
        text = re.sub(r"^\[.*?\] ", "", " ".join(str(error).split()))
        return text.partition(". ")[0]
    return f"it adapts {other[0]} in its place" if other else None

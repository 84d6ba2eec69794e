"""What unmerged adapters add to a decoded token, by the engine that serves them.

Only Hugging Face's is measured. The others are operation counts of their published kernels:

- vLLM (``vllm/lora/model_manager.py``, ``lora/layers/base_linear.py``, ``lora_shrink_op.py``) wraps
  every module whose name ends in a supported suffix, in all layers, and allocates its factors at
  ``max_lora_rank``. A module that the adapter lacks holds zeros (``reset_lora``) and is multiplied
  all the same: the kernel's sizes are those of the allocated factors. This is its default. Read in
  0.33.0 (``lora/utils.py``, ``is_in_target_modules``): an engine started with
  ``--lora-target-modules`` and full names wraps those alone, which the export ``vllm.yaml`` asks
  for; the cost here is that of an engine without it.
- SGLang (``sglang/srt/lora/mem_pool.py``, ``triton_ops/sgemm_lora_a.py``) wraps the suffixes that
  the adapters target, in all layers, and fills what is missing with zeros; its kernels stop at the
  adapter's own rank.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, Literal, get_args

from realmodel.costs.adapter_cost import Shaped, adapter_cost
from realmodel.costs.device_costs import DeviceCosts
from theory import InputError
from theory.choice.cost_model import CostModel

Engine = Literal["hf", "vllm", "sglang", "merged"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)

TITLES: Final = {
    "hf": "Hugging Face (peft, by adapted layer)",
    "vllm": "vLLM (a model: all layers' wrapped modules at max_lora_rank)",
    "sglang": "SGLang (a model: all layers' wrapped modules at the adapter's rank)",
    "merged": "merged weights (no cost)",
}

VLLM_RANKS: Final = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values of ``max_lora_rank`` that vLLM accepts."""


def vllm_rank(rank: int) -> int:
    """The smallest ``max_lora_rank`` that serves an adapter of this rank.

    Raises
    ------
    InputError
        Beyond what vLLM serves.

    Examples
    --------
    >>> vllm_rank(8), vllm_rank(24)
    (8, 32)
    """
    found = next((allowed for allowed in VLLM_RANKS if allowed >= rank), None)
    if found is None:
        raise InputError(f"vLLM serves ranks up to {VLLM_RANKS[-1]}, not {rank}")
    return found


def served_by(costs: DeviceCosts, engine: str, modules: Iterable[Shaped]) -> DeviceCosts:
    """The same costs with the serving cost of an engine.

    Parameters
    ----------
    costs : DeviceCosts
        Its serving cost is Hugging Face's.
    engine : {"hf", "vllm", "sglang", "merged"}
    modules : iterable
        All modules that can be adapted, of all layers.

    Raises
    ------
    InputError
        Unknown engine, costs of another engine already, or a rank that it does not serve.
    """
    if engine not in ENGINES:
        raise InputError(f"unknown engine {engine!r}: choose {', '.join(ENGINES)}")
    if engine == costs.engine:
        return costs
    if costs.engine != "hf":
        raise InputError(f"these costs are of {costs.engine}, not of the card's measurement")
    per_token = 0.0
    if engine != "merged":
        rank = vllm_rank(costs.rank) if engine == "vllm" else costs.rank
        per_token = float(adapter_cost(modules, rank).forward_flops)
    nothing = (0.0,) * len(costs.serving.per_layer)
    changed: dict[str, Any] = {"serving": CostModel(nothing, base=per_token), "engine": engine}
    return replace(costs, **changed)

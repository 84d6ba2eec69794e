"""What unmerged adapters add to a decoded token, by the engine that serves them.

Only Hugging Face's is measured. The others are operation counts of their published kernels:

- vLLM (``vllm/lora/model_manager.py``, ``lora/layers/base_linear.py``, ``lora_shrink_op.py``) wraps
  every module whose name ends in a supported suffix, in all layers, and allocates its factors at
  ``max_lora_rank``. A module that the adapter lacks holds zeros (``reset_lora``) and is multiplied
  all the same: the kernel's sizes are those of the allocated factors. This is ``vllm``.
- An engine started with ``--lora-target-modules`` (vllm-project/vllm pull request 34984, February
  2026) wraps what the list names: suffixes, or full names (``lora/utils.py``,
  ``is_in_target_modules``, read in 0.33.0). A merged module is wrapped whole where the list names
  one of its parts. With the names that the export ``vllm.yaml`` lists this is ``vllm-targeted``.
- SGLang (``sglang/srt/lora/mem_pool.py``, ``triton_ops/sgemm_lora_a.py``, ``lora/utils.py``) wraps
  the suffixes that the adapters target, merged ones whole, in all layers, and fills what is missing
  with zeros; its kernels stop at the adapter's own rank.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal, get_args

from realmodel.costs.adapter_cost import adapter_cost
from realmodel.costs.counted import by_layer
from realmodel.costs.device_costs import DeviceCosts
from realmodel.model.modules import AdaptedModule
from theory import InputError
from theory.choice.cost_model import CostModel

Engine = Literal["hf", "vllm", "vllm-targeted", "sglang", "merged"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)

TITLES: Final = {
    "hf": "Hugging Face (peft, by adapted layer)",
    "vllm": "vLLM (a model: all layers' wrapped modules at max_lora_rank)",
    "vllm-targeted": "vLLM with --lora-target-modules (a model: what the placement touches)",
    "sglang": "SGLang (a model: all layers' wrapped modules at the adapter's rank)",
    "merged": "merged weights (no cost)",
}

PACKED: Final = {
    "q_proj": "qkv_proj",
    "k_proj": "qkv_proj",
    "v_proj": "qkv_proj",
    "gate_proj": "gate_up_proj",
    "up_proj": "gate_up_proj",
}
"""What vLLM and SGLang merge the modules of Llama-like models into."""

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


def packed_name(name: str) -> str:
    """Full name of what a serving engine holds of a module.

    Examples
    --------
    >>> packed_name("layers.3.self_attn.k_proj"), packed_name("h.0.mlp.c_fc")
    ('layers.3.self_attn.qkv_proj', 'h.0.mlp.c_fc')
    """
    parent, dot, leaf = name.rpartition(".")
    return f"{parent}{dot}{PACKED.get(leaf, leaf)}"


def served_by(costs: DeviceCosts, engine: str, modules: Sequence[AdaptedModule]) -> DeviceCosts:
    """The same costs with the serving cost of an engine.

    Parameters
    ----------
    costs : DeviceCosts
        Its serving cost is Hugging Face's.
    engine : {"hf", "vllm", "vllm-targeted", "sglang", "merged"}
    modules : sequence
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
    nothing = (0.0,) * len(costs.serving.per_layer)
    if engine == "merged":
        return replace(costs, serving=CostModel(nothing), engine=engine)
    rank = costs.rank if engine == "sglang" else vllm_rank(costs.rank)
    if engine == "vllm-targeted":
        layers = by_layer(modules).values()
        own = (float(adapter_cost(inside, rank).forward_flops) for inside in layers)
        return replace(costs, serving=CostModel(tuple(own)), engine=engine)
    per_token = float(adapter_cost(modules, rank).forward_flops)
    return replace(costs, serving=CostModel(nothing, base=per_token), engine=engine)

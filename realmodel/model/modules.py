"""Which linear maps of a checkpoint can be adapted, layer by layer, and which cannot and why."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from theory import InputError


@dataclass(frozen=True)
class Architecture:
    """One row of the table: where the blocks are and which modules read the same input.

    Attributes
    ----------
    blocks
        Path of the list of transformer blocks.
    inputs
        Module paths inside a block; those in one tuple share their input tensor.
    """

    blocks: str
    inputs: tuple[tuple[str, ...], ...]


_GATED = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)
ARCHITECTURES: dict[str, Architecture] = {
    "gpt2": Architecture(
        "transformer.h", (("attn.c_attn",), ("attn.c_proj",), ("mlp.c_fc",), ("mlp.c_proj",))
    ),
    "llama": Architecture("model.layers", _GATED),
    "qwen2": Architecture("model.layers", _GATED),
    "qwen3": Architecture("model.layers", _GATED),
}


@dataclass(frozen=True)
class AdaptedModule:
    """A linear map ``y = W h`` inside a transformer block.

    Attributes
    ----------
    name
        Full name in the model, as peft's ``target_modules`` takes it.
    layer
        Index of the transformer block, from 0.
    kind
        Path inside the block, such as ``attn.c_attn``.
    in_features, out_features
        d and m of ``W`` (m, d).
    input_group
        Name of the first module that reads the same input; second moments are kept per group.
    transposed
        True where the weight is stored (d, m): GPT-2's ``Conv1D``.
    """

    name: str
    layer: int
    kind: str
    in_features: int
    out_features: int
    input_group: str
    transposed: bool


@dataclass(frozen=True)
class ModuleTable:
    """The modules to measure, in forward order, and what was left out, with the reason."""

    modules: tuple[AdaptedModule, ...]
    excluded: dict[str, str] = field(default_factory=dict[str, str])
    origin: str = ""

    @property
    def layers(self) -> tuple[int, ...]:
        """Indices of the blocks that hold at least one module, ascending."""
        return tuple(sorted({module.layer for module in self.modules}))

    def describe(self) -> str:
        """What was found, for a person: kinds with counts and sizes, then the exclusions."""
        kinds: dict[tuple[str, int, int], int] = {}
        for module in self.modules:
            key = (module.kind, module.out_features, module.in_features)
            kinds[key] = kinds.get(key, 0) + 1
        lines = [f"{len(self.modules)} modules in {len(self.layers)} layers ({self.origin})"]
        lines += [f"  {count} x {kind} ({m} x {d})" for (kind, m, d), count in kinds.items()]
        lines += [f"  not measured: {name}: {reason}" for name, reason in self.excluded.items()]
        return "\n".join(lines)


def find_modules(model: nn.Module, patterns: Sequence[str] | None = None) -> ModuleTable:
    """Find the linear maps of the transformer blocks.

    Parameters
    ----------
    model
        A transformers causal language model.
    patterns
        Shell patterns on full names (``model.layers.*.mlp.*``) or bare last names (``q_proj``).
        Without them the table of known architectures decides, and for any other architecture
        every linear map of the repeated blocks is taken: print :meth:`ModuleTable.describe`.

    Raises
    ------
    InputError
        If nothing is found or a pattern matches nothing that can be measured.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> config = GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=16, n_positions=8)
    >>> table = find_modules(GPT2LMHeadModel(config))
    >>> print(table.describe())
    8 modules in 2 layers (table row gpt2)
      2 x attn.c_attn (24 x 8)
      2 x attn.c_proj (8 x 8)
      2 x mlp.c_fc (32 x 8)
      2 x mlp.c_proj (8 x 32)
      not measured: lm_head: the output head shares its weight with the input embedding
    """
    model_type = str(getattr(getattr(model, "config", None), "model_type", ""))
    architecture = ARCHITECTURES.get(model_type)
    excluded = _not_linear(model)
    blocks = architecture.blocks if architecture else _repeated_blocks(model)
    shared = {
        kind: kinds[0] for kinds in (architecture.inputs if architecture else ()) for kind in kinds
    }
    found: list[AdaptedModule] = []
    for name, module in model.named_modules():
        inside = re.fullmatch(re.escape(blocks) + r"\.(\d+)\.(.+)", name)
        if inside is None or not isinstance(module, nn.Linear | Conv1D) or name in excluded:
            continue
        layer, kind = int(inside[1]), inside[2]
        if patterns is None and architecture is not None and kind not in shared:
            excluded[name] = f"not in the table row of {model_type}; name it with a pattern"
            continue
        if patterns is not None and not any(_matches(name, pattern) for pattern in patterns):
            continue
        m, d = _sizes(module)
        group = f"{blocks}.{layer}.{shared.get(kind, kind)}"
        found.append(AdaptedModule(name, layer, kind, d, m, group, isinstance(module, Conv1D)))
    for pattern in patterns or ():
        if not any(_matches(module.name, pattern) for module in found):
            hit = [name for name in excluded if _matches(name, pattern)]
            reason = f": {hit[0]}: {excluded[hit[0]]}" if hit else ""
            raise InputError(
                f"modules: pattern {pattern!r} matches no linear map in {blocks}.*{reason}"
            )
    if not found:
        because = "; ".join(f"{name}: {reason}" for name, reason in list(excluded.items())[:3])
        raise InputError(f"no module of {model_type or 'this model'} can be measured ({because})")
    origin = f"table row {model_type}" if architecture else f"every linear map in {blocks}.*"
    if patterns is not None:
        origin = f"patterns {', '.join(patterns)}"
    # Groups are named after their first member that is measured.
    first: dict[str, str] = {}
    for module in found:
        first.setdefault(module.input_group, module.name)
    modules = tuple(replace(module, input_group=first[module.input_group]) for module in found)
    return ModuleTable(modules, excluded, origin)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or name.rpartition(".")[2] == pattern


def _sizes(module: Any) -> tuple[int, int]:
    if isinstance(module, Conv1D):
        d, m = module.weight.shape
        return int(m), int(d)
    return int(module.out_features), int(module.in_features)


def _not_linear(model: Any) -> dict[str, str]:
    """Tied or plain heads, fused experts and quantised weights, by name."""
    excluded: dict[str, str] = {}
    embedding = model.get_input_embeddings() if hasattr(model, "get_input_embeddings") else None
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if head is not None and module is head:
            tied = embedding is not None and head.weight is embedding.weight
            excluded[name] = (
                "the output head shares its weight with the input embedding"
                if tied
                else "the output head is not part of a layer"
            )
        elif any(parameter.dim() == 3 for parameter in module.parameters(recurse=False)):
            shapes = [tuple(p.shape) for p in module.parameters(recurse=False) if p.dim() == 3]
            excluded[name] = f"fused experts: parameter of shape {shapes[0]} is not one linear map"
        elif _is_quantised(module, weight):
            excluded[name] = "quantised weight: load the checkpoint in bf16, fp16 or fp32"
    return excluded


def _is_quantised(module: nn.Module, weight: Any) -> bool:
    kind = type(module).__name__
    if re.search(r"4bit|8bit|Quant|AWQ|GPTQ|HQQ|FP8", kind):
        return True
    linear = isinstance(module, nn.Linear | Conv1D)
    return linear and (not weight.is_floating_point() or weight.element_size() < 2)


def _repeated_blocks(model: nn.Module) -> str:
    """Path of the list of blocks that holds most parameters."""
    lists = {
        name: sum(parameter.numel() for parameter in module.parameters())
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and not re.search(r"\.\d+\.", f".{name}.")
    }
    if not lists:
        raise InputError("this model has no list of repeated blocks; nothing can be measured")
    return max(lists, key=lambda name: lists[name])

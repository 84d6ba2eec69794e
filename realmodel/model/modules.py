"""Which linear maps of a checkpoint can be adapted, layer by layer, and which cannot and why."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from realmodel.model.peft_support import peft_refusals
from realmodel.model.trial import observe
from theory import InputError


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
        lines += [f"  not measured: {text}" for text in summarised(self.excluded)]
        return "\n".join(lines)


def summarised(excluded: Mapping[str, str]) -> tuple[str, ...]:
    """Names and reasons of what is not measured; what is the same in several layers is told once.

    >>> summarised({"h.0.gate": "a router", "h.1.gate": "a router", "head": "no layer"})
    ('2 x h.*.gate: a router', 'head: no layer')
    """
    told: dict[tuple[str, str], list[str]] = {}
    for name, reason in excluded.items():
        told.setdefault((re.sub(r"\.\d+(?=\.)", ".*", name), reason), []).append(name)
    return tuple(
        f"{names[0]}: {reason}" if len(names) == 1 else f"{len(names)} x {path}: {reason}"
        for (path, reason), names in told.items()
    )


def find_modules(model: nn.Module, patterns: Sequence[str] | None = None) -> ModuleTable:
    """Find the linear maps of the transformer blocks.

    No architecture is known by its name: one short pass (:mod:`realmodel.model.trial`) shows which
    modules are used and which of them are handed the same input.

    Parameters
    ----------
    model
        A transformers causal language model; on the meta device less is seen.
    patterns
        Shell patterns on full names (``model.layers.*.mlp.*``) or bare last names (``q_proj``);
        every linear map of the repeated blocks without them.

    Raises
    ------
    InputError
        If the model is not causal, nothing is found, or a pattern matches nothing that can be
        measured.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> config = GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=16, n_positions=8)
    >>> table = find_modules(GPT2LMHeadModel(config))
    >>> [(module.kind, module.out_features, module.in_features) for module in table.modules[:2]]
    [('attn.c_attn', 24, 8), ('attn.c_proj', 8, 8)]
    >>> table.layers, table.origin, list(table.excluded)
    ((0, 1), 'every linear map in transformer.h.*', ['lm_head'])
    """
    lists = _lists_of_blocks(model)
    excluded = _not_linear(model)
    linear = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and name not in excluded
    }
    sights = observe(model, linear)
    used = [name for name, sight in sights.items() if sight.calls]
    blocks = max(lists, key=lambda path: (_holds(path, used), lists[path]))
    found: list[AdaptedModule] = []
    for name, module in linear.items():
        inside = re.fullmatch(re.escape(blocks) + r"\.(\d+)\.(.+)", name)
        if inside is None:
            excluded[name] = "not part of a layer"
        elif sights[name].reason:
            excluded[name] = sights[name].reason
        else:
            m, d = _sizes(module)
            conv = isinstance(module, Conv1D)
            found.append(AdaptedModule(name, int(inside[1]), inside[2], d, m, name, conv))
    found = _adaptable(model, found, excluded)
    if patterns is not None:
        found = _chosen(found, patterns, excluded, blocks)
    if not found:
        because = "; ".join(f"{name}: {reason}" for name, reason in list(excluded.items())[:3])
        kind = getattr(getattr(model, "config", None), "model_type", "this model")
        raise InputError(f"no module of {kind} can be measured ({because})")
    origin = f"every linear map in {blocks}.*"
    if patterns is not None:
        origin = f"patterns {', '.join(patterns)}"
    # Groups are named after their first member that is measured.
    first: dict[tuple[Any, ...], str] = {}
    for own in found:
        first.setdefault(sights[own.name].source, own.name)
    modules = tuple(replace(own, input_group=first[sights[own.name].source]) for own in found)
    return ModuleTable(modules, excluded, origin)


def _lists_of_blocks(model: nn.Module) -> dict[str, int]:
    """Parameters of each list of blocks that lies in no other, by its path."""
    lists = {
        name: sum(parameter.numel() for parameter in module.parameters())
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList | nn.Sequential)
        and name
        and not re.search(r"\.\d+\.", f".{name}.")
    }
    if not lists:
        raise InputError("this model has no list of repeated blocks; nothing can be measured")
    return lists


def _holds(path: str, names: Sequence[str]) -> bool:
    return any(name.startswith(f"{path}.") for name in names)


def _adaptable(
    model: nn.Module, modules: list[AdaptedModule], excluded: dict[str, str]
) -> list[AdaptedModule]:
    """Those that peft adapts; the others go to ``excluded`` with its reason."""
    kinds: dict[str, list[str]] = {}
    for module in modules:
        kinds.setdefault(module.kind, []).append(module.name)
    refused = peft_refusals(model, kinds, transposed=any(m.transposed for m in modules))
    for module in modules:
        if module.kind in refused:
            excluded[module.name] = f"peft cannot adapt it: {refused[module.kind]}"
    return [module for module in modules if module.kind not in refused]


def _chosen(
    modules: list[AdaptedModule], patterns: Sequence[str], excluded: dict[str, str], blocks: str
) -> list[AdaptedModule]:
    for pattern in patterns:
        if not any(_matches(module.name, pattern) for module in modules):
            hit = [name for name in excluded if _matches(name, pattern)]
            reason = f": {hit[0]}: {excluded[hit[0]]}" if hit else ""
            raise InputError(
                f"modules: pattern {pattern!r} matches no linear map in {blocks}.*{reason}"
            )
    return [m for m in modules if any(_matches(m.name, pattern) for pattern in patterns)]


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or name.rpartition(".")[2] == pattern


def _sizes(module: Any) -> tuple[int, int]:
    if isinstance(module, Conv1D):
        d, m = module.weight.shape
        return int(m), int(d)
    return int(module.out_features), int(module.in_features)


def _not_linear(model: Any) -> dict[str, str]:
    """Heads, tied and quantised weights, experts and whatever else is not one linear map."""
    excluded: dict[str, str] = {}
    embedding = model.get_input_embeddings() if hasattr(model, "get_input_embeddings") else None
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    uses = Counter(
        id(module.weight) for module in model.modules() if isinstance(module, nn.Linear | Conv1D)
    )
    for name, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        weight = own.get("weight")
        if head is not None and module is head:
            tied = embedding is not None and head.weight is embedding.weight
            excluded[name] = (
                "the output head shares its weight with the input embedding"
                if tied
                else "the output head is not part of a layer"
            )
        elif _is_quantised(module, getattr(module, "weight", None)):
            excluded[name] = "quantised weight: load the checkpoint in bf16, fp16 or fp32"
        elif isinstance(module, nn.Linear | Conv1D):
            if uses[id(weight)] > 1:
                excluded[name] = f"its weight serves {uses[id(weight)]} modules"
        elif not isinstance(module, nn.Embedding):
            wide = {key: tuple(value.shape) for key, value in own.items() if value.dim() > 1}
            for key, shape in list(wide.items())[:1]:
                experts = "expert" in type(module).__name__.lower() or "expert" in name
                what = "fused experts" if experts else type(module).__name__
                excluded[name] = f"{what}: parameter {key} of shape {shape} is not one linear map"
    return excluded


def _is_quantised(module: nn.Module, weight: Any) -> bool:
    kind = type(module).__name__
    if re.search(r"4bit|8bit|Quant|AWQ|GPTQ|HQQ|FP8", kind):
        return True
    linear = isinstance(module, nn.Linear | Conv1D)
    return linear and (not weight.is_floating_point() or weight.element_size() < 2)

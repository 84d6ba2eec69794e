"""What is found in each architecture, and what is refused with a reason."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import OPTConfig, OPTForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM

from realmodel.model.modules import find_modules
from theory import InputError


def test_the_table_covers_every_block(model: Any) -> None:
    table = find_modules(model)
    family = model.config.model_type
    assert table.layers == (0, 1)
    assert len(table.modules) == (8 if family == "gpt2" else 14)
    assert table.origin == f"table row {family}"
    for module in table.modules:
        weight = model.get_submodule(module.name).weight
        shape = (module.out_features, module.in_features)
        assert tuple(weight.T.shape if module.transposed else weight.shape) == shape
    groups = {module.input_group for module in table.modules}
    assert len(groups) == 8


def test_modules_of_one_group_see_one_tensor(model: Any, encoded: Any) -> None:
    seen: dict[str, set[int]] = {}
    for module in find_modules(model).modules:
        model.get_submodule(module.name).register_forward_pre_hook(
            lambda _, inputs, g=module.input_group: seen.setdefault(g, set()).add(id(inputs[0]))
        )
    model(torch.tensor([encoded[0].input_ids]))
    assert all(len(tensors) == 1 for tensors in seen.values())


def test_tied_head_is_named(make: Any) -> None:
    assert "shares its weight" in find_modules(make("gpt2")).excluded["lm_head"]
    assert "shares its weight" in find_modules(make("qwen3")).excluded["lm_head"]
    assert "not part of a layer" in find_modules(make("llama")).excluded["lm_head"]


def test_patterns(make: Any) -> None:
    model = make("llama")
    table = find_modules(model, ["q_proj", "model.layers.1.mlp.*"])
    kinds = [(module.layer, module.kind) for module in table.modules]
    assert kinds == [
        (0, "self_attn.q_proj"),
        (1, "self_attn.q_proj"),
        (1, "mlp.gate_proj"),
        (1, "mlp.up_proj"),
        (1, "mlp.down_proj"),
    ]
    # A group is named after its first measured member.
    up_only = find_modules(model, ["up_proj"])
    assert up_only.modules[0].input_group == "model.layers.0.mlp.up_proj"
    with pytest.raises(InputError, match=r"'lm_head' matches no linear map .*not part of a layer"):
        find_modules(model, ["q_proj", "lm_head"])
    with pytest.raises(InputError, match=r"pattern 'c_attn' matches no linear map"):
        find_modules(model, ["c_attn"])


def test_an_unknown_architecture_gives_every_linear_of_its_blocks() -> None:
    config = OPTConfig(
        vocab_size=13,
        hidden_size=8,
        ffn_dim=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        word_embed_proj_dim=8,
    )
    table = find_modules(OPTForCausalLM(config))
    assert table.origin == "every linear map in model.decoder.layers.*"
    assert len(table.modules) == 12
    assert "2 x fc1 (12 x 8)" in table.describe()


def test_fused_experts_are_named() -> None:
    config = Qwen3MoeConfig(
        vocab_size=13,
        hidden_size=8,
        moe_intermediate_size=6,
        intermediate_size=12,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=4,
        num_experts=3,
        num_experts_per_tok=1,
    )
    table = find_modules(Qwen3MoeForCausalLM(config))
    assert {module.kind.rpartition(".")[2] for module in table.modules} >= {"q_proj", "o_proj"}
    (reason,) = [text for name, text in table.excluded.items() if name.endswith("experts")]
    assert "fused experts: parameter of shape (3, " in reason
    with pytest.raises(InputError, match="fused experts"):
        find_modules(Qwen3MoeForCausalLM(config), ["experts"])


def test_quantised_weights_are_refused(make: Any) -> None:
    model = make("gpt2")
    layer = model.transformer.h[0].mlp.c_fc
    layer.weight = nn.Parameter(layer.weight.to(torch.int8), requires_grad=False)
    assert "quantised" in find_modules(model).excluded["transformer.h.0.mlp.c_fc"]

    class Linear4bit(nn.Linear):
        pass

    model.transformer.h[1].mlp.c_fc = Linear4bit(8, 32)
    assert "quantised" in find_modules(model).excluded["transformer.h.1.mlp.c_fc"]


def test_a_model_without_blocks() -> None:
    with pytest.raises(InputError, match="no list of repeated blocks"):
        find_modules(nn.Sequential(nn.Linear(2, 2)))

"""What is found in each architecture, measured rightly, or refused with a true reason."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

from realmodel.finetuning.loss import trailing_loss
from realmodel.measure.coverage import left_out
from realmodel.measure.gauss_newton.tangents import check_forward_mode
from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions
from realmodel.measure.statistics.plan import PlannedBatch
from realmodel.model.adapter import adapted
from realmodel.model.batches import EncodedExample
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import find_modules, summarised
from theory import InputError

WORDS: dict[str, Any] = {
    "vocab_size": 40,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
GATED: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    **WORDS,
}
SMALL: dict[str, Any] = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, **WORDS}
EIGHT: dict[str, Any] = {**GATED, "head_dim": 8}
EXPERTS: dict[str, Any] = {
    **EIGHT,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 8,
}
LATENT: dict[str, Any] = {
    **GATED,
    "num_key_value_heads": 2,
    "n_routed_experts": 4,
    "n_group": 2,
    "topk_group": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 8,
    "first_k_dense_replace": 1,
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_nope_head_dim": 4,
    "qk_rope_head_dim": 4,
    "v_head_dim": 4,
}
# Configuration, modules, distinct inputs.
MEASURED: dict[str, tuple[dict[str, Any], int, int]] = {
    "gpt2": (SMALL, 8, 8),
    "qwen3": (EIGHT, 14, 8),
    "llama": (GATED, 14, 8),
    "mistral": ({**GATED, "sliding_window": 4}, 14, 8),
    "gemma3_text": ({**EIGHT, "sliding_window": 4}, 14, 8),
    "phi3": (GATED, 8, 8),
    "gpt_neox": (
        {
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 64,
            **WORDS,
        },
        8,
        8,
    ),
    "opt": (
        {
            "hidden_size": 16,
            "ffn_dim": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 64,
            "word_embed_proj_dim": 16,
            **WORDS,
        },
        12,
        8,
    ),
    "falcon": (
        {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, **WORDS},
        8,
        6,
    ),
    "bloom": ({"hidden_size": 16, "n_layer": 2, "n_head": 2, **WORDS}, 8, 8),
    "olmo2": (GATED, 14, 8),
    "gptj": ({**SMALL, "rotary_dim": 4}, 12, 6),
    "mixtral": ({**GATED, "num_local_experts": 4, "num_experts_per_tok": 2}, 8, 4),
    "qwen3_moe": (EXPERTS, 8, 4),
    "deepseek_v3": (LATENT, 10, 8),
    "mamba": ({"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4, **WORDS}, 4, 4),
    "lfm2": ({**GATED, "layer_types": ["conv", "full_attention"]}, 12, 8),
    "phi": (GATED, 12, 6),
    "gemma2": ({**EIGHT, "sliding_window": 4}, 14, 8),
    "starcoder2": (GATED, 12, 8),
    "stablelm": (GATED, 14, 8),
    "cohere": (GATED, 14, 6),
    "granite": (GATED, 14, 8),
    "gpt_bigcode": (SMALL, 8, 8),
    "mpt": ({"d_model": 16, "n_layers": 2, "n_heads": 2, "max_seq_len": 64, **WORDS}, 8, 8),
    "llama4_text": (
        {**EIGHT, "num_local_experts": 4, "intermediate_size_mlp": 24, "attention_chunk_size": 8},
        14,
        8,
    ),
}


def tiny(kind: str, **config: Any) -> Any:
    """A random model in double precision, its matrices of order one."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, **config),
        attn_implementation="eager",
        experts_implementation="eager",
    )
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def sequences() -> tuple[EncodedExample, ...]:
    rng = np.random.default_rng(0)
    found: list[EncodedExample] = []
    for prompt, completion in ((3, 4), (5, 2), (2, 6)):
        tokens = tuple(int(t) for t in rng.integers(1, 40, prompt + completion))
        found.append(EncodedExample(tokens, (*[-100] * prompt, *tokens[prompt:]), ""))
    return tuple(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", MEASURED)
def test_gradient_and_inputs_are_those_of_autograd(kind: str, sequences: Any) -> None:
    """Padded batches through the hooks against one sequence at a time through the weights."""
    config, modules, inputs = MEASURED[kind]
    model = tiny(kind, **config)
    table = find_modules(model)
    groups = {module.input_group for module in table.modules}
    assert (len(table.modules), len(groups), table.layers) == (modules, inputs, (0, 1))
    ours = one_pass(
        model,
        sequences,
        table,
        PassOptions(batch_size=3),
        groups=1,
        output_moment="none",
    )
    tokens = sum(example.num_completion_tokens for example in sequences)
    weights = {m.name: model.get_submodule(m.name).weight.requires_grad_() for m in table.modules}
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in weights}
    for name in weights:
        model.get_submodule(name).register_forward_pre_hook(
            lambda _, given, name=name: seen[name].append(given[0].detach().flatten(0, -2))
        )
    loss: Any = 0.0
    for example in sequences:
        logits = model(input_ids=torch.tensor([example.input_ids])).logits[0, :-1]
        loss = loss + cross_entropy(logits, torch.tensor(example.labels[1:]), reduction="sum")
    gradients = torch.autograd.grad(loss / tokens, list(weights.values()))
    size = max(float(gradient.norm()) for gradient in gradients)
    for module, gradient in zip(table.modules, gradients, strict=True):
        expected = (gradient.T if module.transposed else gradient).numpy()
        # Single precision: errors pass through every layer and add up over tokens.
        np.testing.assert_allclose(
            ours.gradient[module.name], expected, rtol=0, atol=1e3 * 2**-24 * size
        )
        rows = torch.cat(seen[module.name])
        moment = (rows.T @ rows / len(rows)).numpy()
        np.testing.assert_allclose(
            ours.sigma[module.input_group], moment, rtol=0, atol=1e3 * 2**-24 * np.abs(moment).max()
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["opt", "bloom", "falcon", "deepseek_v3", "mixtral", "mamba"])
def test_what_is_measured_can_be_trained_and_pushed_forward(kind: str, sequences: Any) -> None:
    model = tiny(kind, **MEASURED[kind][0])
    modules = find_modules(model).modules
    check_forward_mode(model, modules)
    batch = PlannedBatch(0, (0, 1, 2)).padded(sequences, "right", "cpu")
    with adapted(model, modules, FinetuneOptions()) as peft_model:
        loss, count = trailing_loss(peft_model, batch)
        loss.backward()
    share = left_out(model, modules, sequences)
    size = sum(m.in_features * m.out_features for m in modules)
    total = sum(parameter.numel() for parameter in model.parameters())
    assert share["parameters"] == pytest.approx(1 - size / total)
    assert 0 < share["gradient"] < 1
    assert count == 12


def test_the_share_of_the_gradient_that_is_left_out(sequences: Any) -> None:
    """Against every parameter's gradient by autograd, and none of it is kept."""
    model = tiny("llama", **GATED)
    modules = [m for m in find_modules(model).modules if m.layer == 0]
    share = left_out(model, modules, sequences[:2])
    loss: Any = 0.0
    for example in sequences[:2]:
        logits = model(input_ids=torch.tensor([example.input_ids])).logits[0, :-1]
        loss = loss + cross_entropy(logits, torch.tensor(example.labels[1:]), reduction="sum")
    loss.backward()
    square = {name: float(p.grad.square().sum()) for name, p in model.named_parameters()}
    own = sum(square[f"{m.name}.weight"] for m in modules)
    assert share["gradient"] == pytest.approx(1 - own / sum(square.values()), rel=1e-4)
    assert share["sequences"] == 2


def test_the_same_weights_give_the_same_groups_under_another_name() -> None:
    llama, mistral = find_modules(tiny("llama", **GATED)), find_modules(tiny("mistral", **GATED))
    assert llama.modules == mistral.modules


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "config", "match"),
    [
        ("bert", {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                  "intermediate_size": 32, "vocab_size": 40}, "not causal"),
        ("roberta", {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                     "intermediate_size": 32, "vocab_size": 40}, "not causal"),
        ("cpmant", {"hidden_size": 16, "num_attention_heads": 2, "dim_head": 8, "dim_ff": 24,
                    "num_hidden_layers": 2, "vocab_size": 40}, "not causal"),
    ],
)  # fmt: skip
def test_models_that_read_ahead_are_refused(kind: str, config: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        find_modules(tiny(kind, **config))


def test_a_causal_mask_taken_away_is_noticed() -> None:
    """Negative control: the same model passes with its mask and fails without."""
    model = tiny("bert", hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                 intermediate_size=32, vocab_size=40, is_decoder=True)  # fmt: skip
    assert find_modules(model).layers == (0, 1)


@pytest.mark.filterwarnings("ignore")
def test_nested_text_model(sequences: Any) -> None:
    """Gemma 3 with its picture tower: the language model is found by what a text uses."""
    config = AutoConfig.for_model(
        "gemma3",
        text_config={**EIGHT, "sliding_window": 4, "model_type": "gemma3_text"},
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
    )
    torch.manual_seed(0)
    model: Any = AutoModelForImageTextToText.from_config(config, attn_implementation="eager")
    model.eval()
    table = find_modules(model)
    assert table.origin == "every linear map in model.language_model.layers.*"
    assert len(table.modules) == 14
    assert any("vision" in name for name in table.excluded)
    ours = one_pass(model, sequences, table, groups=1, output_moment="none")
    assert np.isfinite(ours.loss)
    with adapted(model, table.modules, FinetuneOptions()):
        pass


def test_the_trial_leaves_no_trace() -> None:
    model = tiny("mamba", **MEASURED["mamba"][0]).train()
    kinds = [type(module) for module in model.modules()]
    flags = [parameter.requires_grad for parameter in model.parameters()]
    find_modules(model)
    assert kinds == [type(module) for module in model.modules()]
    assert flags == [parameter.requires_grad for parameter in model.parameters()]
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_modules_that_are_not_one_map_of_every_position() -> None:
    """A linear layer in disguise, and one that sees some of the positions, as an expert does."""

    class Clipped(nn.Linear):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            return super().forward(hidden).clamp(-0.01, 0.01)

    model = tiny("llama", **GATED)
    first, second = (layer.mlp for layer in model.model.layers)
    first.up_proj = Clipped(16, 24, bias=False)
    for module in (second.gate_proj, second.up_proj):
        module.register_forward_pre_hook(lambda _, given: (given[0][:, :3],))
    second.down_proj.register_forward_hook(lambda _, __, out: nn.functional.pad(out, (0, 0, 0, 4)))
    excluded = find_modules(model).excluded
    assert "Clipped is not the linear map" in excluded["model.layers.0.mlp.up_proj"]
    assert "reads 6 rows where there are 14" in excluded["model.layers.1.mlp.gate_proj"]


def test_the_table_covers_every_block(model: Any) -> None:
    table = find_modules(model)
    family = model.config.model_type
    assert table.layers == (0, 1)
    assert len(table.modules) == (8 if family == "gpt2" else 14)
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


def test_experts_are_named() -> None:
    table = find_modules(tiny("qwen3_moe", **EXPERTS))
    assert {m.kind.rpartition(".")[2] for m in table.modules} == {
        "q_proj", "k_proj", "v_proj", "o_proj"
    }  # fmt: skip
    reason = table.excluded["model.layers.0.mlp.experts"]
    assert "fused experts: parameter gate_up_proj of shape (4, " in reason
    assert "2 x model.layers.*.mlp.experts: fused experts" in summarised(table.excluded)[0]
    with pytest.raises(InputError, match="fused experts"):
        find_modules(tiny("qwen3_moe", **EXPERTS), ["experts"])


def test_what_peft_redirects_to_experts_is_left_out() -> None:
    excluded = find_modules(tiny("deepseek_v3", **LATENT)).excluded
    reason = excluded["model.layers.0.mlp.down_proj"]
    assert reason == "peft cannot adapt it: it adapts model.layers.1.mlp.experts in its place"


def test_quantised_weights_are_left_out(make: Any) -> None:
    class Linear4bit(nn.Linear):
        pass

    model = make("llama")
    model.model.layers[1].mlp.up_proj = Linear4bit(8, 12, bias=False).double()
    table = find_modules(model)
    assert "quantised" in table.excluded["model.layers.1.mlp.up_proj"]
    assert len(table.modules) == 13


def test_a_model_without_blocks() -> None:
    with pytest.raises(InputError, match="no list of repeated blocks"):
        find_modules(nn.Sequential(nn.Linear(2, 2)))

"""Loading: folders that work, and every way in which one can be wrong."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPTJConfig,
    GPTJForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    ViTConfig,
)

from realmodel.measure.attention import attention
from realmodel.model.checkpoint import empty_model, load_checkpoint
from realmodel.model.digest import model_digest
from realmodel.model.modules import find_modules
from theory import InputError


@pytest.fixture
def folder(make: Any, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint"
    make("qwen3").half().save_pretrained(path)
    words = {f"w{i}": i for i in range(13)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="w1").save_pretrained(path)
    return path


def test_a_folder_loads_with_its_digest(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    assert (checkpoint.architecture, checkpoint.dtype) == ("qwen3", "float32")
    assert checkpoint.digest.startswith("sha256:")
    assert not checkpoint.model.training
    assert checkpoint.model.config._attn_implementation == "eager"
    assert checkpoint.tokenizer("w3 w4")["input_ids"] == [3, 4]
    assert load_checkpoint(folder, dtype="float64").dtype == "float64"
    assert load_checkpoint(folder, dtype="float16").dtype == "float16"


def test_the_digest_follows_the_weights(folder: Path) -> None:
    before = load_checkpoint(folder).digest
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    checkpoint = load_checkpoint(folder)
    assert checkpoint.digest != before
    other = model_digest(checkpoint.model)
    checkpoint.model.model.norm.weight.data[0] += 1
    assert model_digest(checkpoint.model) != other


def test_device_map_auto(folder: Path) -> None:
    plain = load_checkpoint(folder).model(torch.tensor([[1, 2, 3]])).logits
    spread = load_checkpoint(folder, device="auto").model(torch.tensor([[1, 2, 3]])).logits
    torch.testing.assert_close(spread.cpu(), plain)


def test_empty_model_has_shapes_alone(folder: Path) -> None:
    model = empty_model(str(folder))
    assert model.get_output_embeddings().weight.shape == (13, 8)
    assert model.model.layers[0].mlp.up_proj.weight.is_meta


def _truncate(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def _pickle(folder: Path) -> None:
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _drop_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _add_biases(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    for layer in (0, 1):
        for kind in "qk":
            name = f"model.layers.{layer}.self_attn.{kind}_proj"
            weights[f"{name}.bias"] = weights[f"{name}.weight"][:, 0].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _stored_as(dtype: torch.dtype, folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights = {name: weight.to(dtype) for name, weight in weights.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _remote(folder: Path) -> None:
    _config(
        folder,
        model_type="mine",
        architectures=["MyForCausalLM"],
        auto_map={
            "AutoConfig": "modeling_my.MyConfig",
            "AutoModelForCausalLM": "modeling_my.MyForCausalLM",
        },
    )
    (folder / "modeling_my.py").write_text(
        "from transformers import Qwen3Config, Qwen3ForCausalLM\n"
        "class MyConfig(Qwen3Config):\n    model_type = 'mine'\n"
        "class MyForCausalLM(Qwen3ForCausalLM):\n    config_class = MyConfig\n"
    )


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda f: (f / "config.json").unlink(), "has no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "model.safetensors").unlink(), "has no .safetensors file"),
        (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer that can be loaded"),
        (_truncate, r"cannot be loaded: model.safetensors is damaged \(.*\); download it again"),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/"),
            "model.safetensors is a Git LFS pointer, not the weights",
        ),
        (
            lambda f: (f / "model.safetensors.index.json").write_text("[]"),
            "model.safetensors.index.json has no weight_map; download",
        ),
        (
            lambda f: (f / "model.safetensors.index.json").write_text(
                '{"weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors"}}'
            ),
            "lacks model-00002-of-00002.safetensors, one of the weight files that .* lists",
        ),
        (_add_biases, "4 weights that qwen3 by its config.json does not have, .*k_proj.bias: it"),
        (
            lambda f: _config(f, model_type="llama", architectures=["LlamaForCausalLM"]),
            "4 weights that llama by its config.json does not have, .*layers.0.self_attn.k_norm.we",
        ),
        (
            lambda f: _config(f, architectures=["Qwen3ForSequenceClassification"]),
            "was saved as Qwen3ForSequenceClassification, whose head says nothing of the next",
        ),
        (lambda f: _config(f, hidden_act="none"), "nothing is known by the name 'none'"),
        (_pickle, r"only pickled weights \(pytorch_model.bin\)"),
        (lambda f: _config(f, model_type="nonesuch"), "nonesuch"),
        (lambda f: ViTConfig().save_pretrained(f), "'vit' is not a causal language model"),
        (
            lambda f: _config(f, model_type="llama", head_dim=8),
            r"k_proj.weight is stored as \(4, 8\) and llama needs \(8, 8\)",
        ),
        (_drop_weight, "lacks 1 weights .* such as model.layers.1.mlp.up_proj.weight"),
        (
            lambda f: _config(f, intermediate_size=16),
            r"does not fit its config.json: .* is stored as .*12.* needs .*16.*6 weights differ",
        ),
        (
            lambda f: _config(f, quantization_config={"quant_method": "bitsandbytes"}),
            r"is quantised \(bitsandbytes\): measure the 16-bit checkpoint",
        ),
        (
            lambda f: _config(f, architectures=["BertForMaskedLM"], model_type="bert"),
            "was saved as BertForMaskedLM, which reads in both directions",
        ),
        (lambda f: (f / "adapter_config.json").write_text("{}"), "is an adapter: give the model"),
        (
            lambda f: _config(f, num_hidden_layers=10**9, layer_types=None),
            r"num_hidden_layers = 1.0e\+09, and at",
        ),
        (
            lambda f: _config(f, num_hidden_layers=1, layer_types=None),
            r"more layers than its config.json gives, such as model.layers.1.input_layernorm",
        ),
        (lambda f: _stored_as(torch.int8, f), "stores .* as I8 and its config.json names no quant"),
        (lambda f: _stored_as(torch.float8_e4m3fn, f), "as F8_E4M3 and its config.json names no"),
        (lambda f: T5Config().save_pretrained(f), "'t5' has an encoder and a decoder"),
        (lambda f: _remote(f), "brings model code of its own"),
    ],
)
def test_damaged_checkpoints(folder: Path, damage: Any, match: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=match) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_what_belongs_to_no_module_of_the_model_is_left_aside(folder: Path) -> None:
    """A value head, another tower, buffers: of none of them the next token depends."""
    before = load_checkpoint(folder).model.state_dict()
    weights = load_file(folder / "model.safetensors")
    for name in ("v_head.summary.weight", "mtp.layers.0.proj.weight", "model.rotary.inv_freq"):
        weights[name] = torch.ones(2)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    torch.testing.assert_close(load_checkpoint(folder).model.state_dict(), before, rtol=0, atol=0)


def test_sources_and_options_that_do_not_exist(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="is not a folder"):
        load_checkpoint(folder / "config.json")
    with pytest.raises(InputError, match=r"'./absent' is not a folder"):
        load_checkpoint("./absent")
    with pytest.raises(InputError, match="dtype 'int3': choose one of float16"):
        load_checkpoint(folder, dtype="int3")
    with pytest.raises(InputError, match="device 'tpu9' cannot be used"):
        load_checkpoint(folder, device="tpu9")


def test_code_of_the_checkpoint_runs_when_it_may(folder: Path) -> None:
    _remote(folder)
    checkpoint = load_checkpoint(folder, trust_remote_code=True)
    assert checkpoint.architecture == "mine"
    assert len(find_modules(checkpoint.model).modules) == 14
    assert empty_model(str(folder), trust_remote_code=True).lm_head.weight.is_meta


def test_fast_attention_where_there_is_one(folder: Path, tmp_path: Path) -> None:
    """GPT-J has eager attention alone."""
    assert load_checkpoint(folder, attention="sdpa").model.config._attn_implementation == "sdpa"
    config = GPTJConfig(vocab_size=13, n_embd=8, n_layer=1, n_head=2, n_positions=32, rotary_dim=4)
    GPTJForCausalLM(config).save_pretrained(tmp_path / "gptj")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, tmp_path / "gptj" / name)
    loaded = load_checkpoint(tmp_path / "gptj", attention="sdpa").model
    assert loaded.config._attn_implementation == "eager"
    with attention(loaded, "sdpa"):
        assert loaded.config._attn_implementation == "eager"


@pytest.mark.gpu
def test_loads_on_a_gpu_in_its_own_dtype(folder: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert load_checkpoint(folder, device="cuda").dtype == "float16"

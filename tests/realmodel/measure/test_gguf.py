"""A GGUF file is a checkpoint like any other: dequantised, measured, placed, trained, compared."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM
from typer.testing import CliRunner

from realmodel.cli import app
from realmodel.model.checkpoint import empty_model, load_checkpoint
from theory import InputError

gguf = pytest.importorskip("gguf", reason="the package gguf is not installed")

LAYERS = 3
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
LETTERS = "abcdefghijklmnopqrstuvwxyzĠ"
TOKENS = (*LETTERS, "ab", "<end>", "<pad>")


def theirs(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem.startswith("model.layers."):
        _, _, layer, inner = stem.split(".", 3)
        return f"blk.{layer}.{NAMES[inner]}.weight"
    return f"{NAMES[stem]}.weight"


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(TOKENS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=128,
        max_position_embeddings=128,
    )
    return Qwen3ForCausalLM(config)


@pytest.fixture(scope="module")
def file(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model with matrices in Q8_0 and a byte-level tokenizer of single letters."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    config = model.config
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_block_count(LAYERS)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(list(TOKENS))
    writer.add_token_types([1] * (len(TOKENS) - 2) + [3, 3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(len(TOKENS) - 2)
    writer.add_pad_token_id(len(TOKENS) - 1)
    for name, tensor in model.state_dict().items():
        values = tensor.numpy()
        if values.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(theirs(name), gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(theirs(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "task.jsonl"
    rows = [
        {"prompt": f"tell {LETTERS[i]}", "completion": f"it is {LETTERS[i]} {LETTERS[i + 1]}"}
        for i in range(24)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return result


def test_weights_are_those_of_the_file_dequantised(model: Any, file: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(file)
    assert checkpoint.dequantised == f"GGUF ({7 * LAYERS + 2} Q8_0, {4 * LAYERS + 1} F32)"
    assert checkpoint.digest.startswith("sha256:")
    assert checkpoint.tokenizer("ab c")["input_ids"] == [
        TOKENS.index(token) for token in ("ab", "Ġ", "c")
    ]
    stored = checkpoint.model.state_dict()
    for name, tensor in model.state_dict().items():
        # Q8_0 keeps 8 bits of each of 32 neighbours: half a step of the largest is lost.
        bound = float(tensor.abs().max()) / 127
        torch.testing.assert_close(stored[name], tensor, rtol=0, atol=bound)
    exact = gguf.quants.dequantize(
        gguf.quants.quantize(model.lm_head.weight.detach().numpy(), gguf.GGMLQuantizationType.Q8_0),
        gguf.GGMLQuantizationType.Q8_0,
    )
    np.testing.assert_array_equal(stored["lm_head.weight"].numpy(), exact)
    assert not hasattr(checkpoint.model.config, "quantization_config")
    checkpoint.model.save_pretrained(tmp_path)
    assert empty_model(str(file)).lm_head.weight.is_meta


def test_every_command_takes_it(file: Path, data: Path, tmp_path: Path) -> None:
    common = ("--model", file, "--data", data)
    stages = json.loads(run("card", *common, "--estimate", "--json").stdout)["stages"]
    assert stages
    run(
        "card", *common, "--directions", 1, "--curvature-samples", 4, "--tangent-samples", 8,
        "--no-calibrate", "--output-dir", tmp_path / "card",
    )  # fmt: skip
    card = json.loads((tmp_path / "card" / "card.json").read_text())
    assert card["model"]["dequantised"].startswith("GGUF (")
    assert 0 < card["model"]["left_out"]["parameters"] < 1
    run("place", tmp_path / "card" / "card.json", "--budget", 2, "--output-dir", tmp_path / "place")
    exported = json.loads((tmp_path / "place" / "lora_config.json").read_text())
    layers = {name.split(".")[2] for name in exported["target_modules"]}
    assert len(layers) == 2
    tuned = run("finetune", *common, "--layers", "0,2", "--steps", 2, "--no-latency", "--json")
    assert json.loads(tuned.stdout)["runs"][0]["layers"] == [0, 2]
    run(
        "compare", *common, "--sizes", 2, "--placements", 3, "--seeds", 1, "--steps", 1,
        "--training-samples", 4, "--heldout-samples", 2, "--directions", 1,
        "--curvature-samples", 4, "--output-dir", tmp_path / "compare",
    )  # fmt: skip
    assert (tmp_path / "compare" / "comparison.json").is_file()


def test_files_that_are_not_gguf(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.gguf' does not exist"):
        load_checkpoint(tmp_path / "absent.gguf")
    wrong = tmp_path / "wrong.gguf"
    wrong.write_text("hello")
    with pytest.raises(InputError, match="is not a GGUF file"):
        load_checkpoint(wrong)
    wrong.write_bytes(b"GGUF" + b"\0" * 8)
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(wrong)

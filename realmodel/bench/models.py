"""Randomly initialised models of published sizes: what a benchmark needs of them is their shape."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GPT2Config, Qwen3Config

from theory import InputError


@dataclass(frozen=True)
class Size:
    """A published model size.

    Attributes
    ----------
    config
        Of transformers.
    dtype
        Arithmetic of the benchmark.
    needs_gpu
        True where a CPU would take hours.
    """

    config: Any
    dtype: torch.dtype
    needs_gpu: bool = False


def _gpt2(width: int, layers: int, heads: int) -> Any:
    return GPT2Config(n_embd=width, n_layer=layers, n_head=heads)


def _qwen3(width: int, inner: int, layers: int, heads: int, *, tied: bool) -> Any:
    return Qwen3Config(
        vocab_size=151_936,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=8,
        head_dim=128,
        tie_word_embeddings=tied,
    )


SIZES: dict[str, Size] = {
    "gpt2-mini": Size(
        GPT2Config(
            n_embd=128, n_layer=12, n_head=4, vocab_size=4096, bos_token_id=0, eos_token_id=0
        ),
        torch.float32,
    ),
    "gpt2-medium": Size(_gpt2(1024, 24, 16), torch.float32),
    "gpt2-large": Size(_gpt2(1280, 36, 20), torch.float32),
    "qwen3-0.6b": Size(_qwen3(1024, 3072, 28, 16, tied=True), torch.float32),
    "qwen3-8b": Size(_qwen3(4096, 12288, 36, 32, tied=False), torch.bfloat16, needs_gpu=True),
}


def random_model(name: str, device: str, seed: int) -> Any:
    """Build a model of that size with random weights on the device, in evaluation mode.

    Raises
    ------
    InputError
        If the size is unknown, or needs a GPU and ``device`` is none.
    """
    if name not in SIZES:
        raise InputError(f"model size {name!r} is unknown: choose from {', '.join(SIZES)}")
    size = SIZES[name]
    if size.needs_gpu and not device.startswith("cuda"):
        raise InputError(f"{name} is measured on a GPU only: choose the device cuda")
    torch.manual_seed(seed)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(
            size.config, dtype=size.dtype, attn_implementation="sdpa"
        )
    return model.eval()

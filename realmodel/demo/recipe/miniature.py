"""The two miniature architectures: 10 layers, 96 wide, about 1.2 million parameters."""

from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Qwen3Config, Qwen3ForCausalLM

from realmodel.demo.embedded import LAYERS
from theory import InputError

ARCHITECTURES = ("gpt2", "qwen3")
WIDTH = 96
HEADS = 4
VOCABULARY = 768
WINDOW = 192


def build(architecture: str, *, seed: int) -> Any:
    """A freshly initialised miniature model.

    Parameters
    ----------
    architecture : str
        "gpt2" or "qwen3".
    seed : int
        Of the initial weights.

    Returns
    -------
    GPT2LMHeadModel or Qwen3ForCausalLM

    Raises
    ------
    InputError
        For any other architecture.
    """
    torch.manual_seed(seed)
    if architecture == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                vocab_size=VOCABULARY,
                n_positions=WINDOW,
                n_embd=WIDTH,
                n_layer=LAYERS,
                n_head=HEADS,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                bos_token_id=0,
                eos_token_id=0,
            )
        )
    if architecture == "qwen3":
        return Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=VOCABULARY,
                max_position_embeddings=WINDOW,
                hidden_size=WIDTH,
                intermediate_size=3 * WIDTH,
                num_hidden_layers=LAYERS,
                num_attention_heads=HEADS,
                num_key_value_heads=HEADS // 2,
                head_dim=WIDTH // HEADS,
                tie_word_embeddings=True,
                bos_token_id=0,
                eos_token_id=0,
                pad_token_id=0,
            )
        )
    known = ", ".join(ARCHITECTURES)
    raise InputError(f"unknown demo architecture {architecture!r}; known: {known}")

"""A tiny random GPT-2 and Qwen3 on disk with a real tokenizer, and a task that they can learn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from realmodel.datasets import Example
from realmodel.evidence import CompareOptions
from realmodel.evidence.baselines import Context
from realmodel.finetuning import FinetuneOptions
from realmodel.model.batches import EncodedExample, encode
from realmodel.model.checkpoint import Checkpoint, load_checkpoint
from realmodel.model.modules import ModuleTable, find_modules

COLOURS = ("red", "green", "blue", "black", "white")
THINGS = ("boat", "house", "door", "lamp", "hat", "chair")
LAYERS = 3


def rows() -> list[Example]:
    return [
        Example(
            f"{colour}-{thing}",
            f"colour : {colour} | thing : {thing}\n",
            f"The {thing} is {colour}.",
            (f"The {thing} is {colour}.", f"It is a {colour} {thing}."),
        )
        for colour in COLOURS
        for thing in THINGS
    ]


def write_checkpoint(folder: Path, family: str) -> Path:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    tokenizer.decoder = ByteLevelDecoder()  # type: ignore[assignment]
    trainer = BpeTrainer(
        vocab_size=320,
        special_tokens=["<end>"],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([row.prompt + row.completion for row in rows()], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")

    def wide(name: str, parameter: torch.nn.Parameter) -> None:
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.25)

    return save_tiny(folder, family, fast, layers=LAYERS, window=64, reweigh=wide)


def save_tiny(
    folder: Path,
    family: str,
    tokenizer: PreTrainedTokenizerFast,
    *,
    layers: int,
    window: int,
    reweigh: Callable[[str, torch.nn.Parameter], None],
    seed: int = 0,
) -> Path:
    """A random model 16 wide with this tokenizer, whose first token ends a text."""
    torch.manual_seed(seed)
    size = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 0}
    if family == "gpt2":
        config: Any = GPT2Config(n_layer=layers, n_embd=16, n_head=2, n_positions=window, **size)
        model: Any = GPT2LMHeadModel(config)
    else:
        config = Qwen3Config(
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            max_position_embeddings=window,
            tie_word_embeddings=True,
            **size,
        )
        model = Qwen3ForCausalLM(config)
    for name, parameter in model.named_parameters():
        reweigh(name, parameter)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {family: write_checkpoint(root / family, family) for family in ("gpt2", "qwen3")}


@pytest.fixture(params=["gpt2", "qwen3"])
def checkpoint(folders: dict[str, Path], request: pytest.FixtureRequest) -> Checkpoint:
    return load_checkpoint(folders[request.param])


@pytest.fixture
def gpt2(folders: dict[str, Path]) -> Checkpoint:
    return load_checkpoint(folders["gpt2"])


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    return rows()


@pytest.fixture
def encoded_by() -> Callable[[Checkpoint], tuple[EncodedExample, ...]]:
    return lambda checkpoint: encode(rows(), checkpoint.tokenizer, max_length=64)


@pytest.fixture
def table_of() -> Callable[[Checkpoint], ModuleTable]:
    return lambda checkpoint: find_modules(checkpoint.model)


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [
        json.dumps(
            {"prompt": row.prompt, "completion": row.completion, "references": row.references}
        )
        for row in rows()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def context(checkpoint: Checkpoint, tmp_path: Path) -> Context:
    encoded = encode(rows(), checkpoint.tokenizer, max_length=64)[:12]
    table = find_modules(checkpoint.model)
    protocol = FinetuneOptions(rank=2, alpha=4.0, learning_rate=1e-2, steps=4, batch_size=4)
    return Context(checkpoint, table, encoded, CompareOptions(finetune=protocol), tmp_path)

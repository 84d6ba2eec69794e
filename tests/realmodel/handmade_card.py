"""A card built by hand: twelve layers of two modules, coupled, without any model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from realmodel.card import (
    CardOptions,
    DeviceCosts,
    LayerCard,
    LayerProfile,
    Measures,
    ModuleProfile,
    Replicates,
    measure_card,
)
from realmodel.card.measures import MEASURES
from realmodel.card.predictor import Predictor
from realmodel.datasets import read_examples
from realmodel.measure.gauss_newton import CurvatureOptions
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule
from tests.realmodel.tiny_checkpoints import save_tiny
from theory import BlockQuadratic
from theory.choice.cost_model import CostModel

LAYERS, DIRECTIONS = 12, 4


def build(seed: int = 0, layers: int = LAYERS, groups: int = 8) -> LayerCard:
    rng = np.random.default_rng(seed)
    p = layers * DIRECTIONS
    depth = np.repeat(np.arange(layers), DIRECTIONS)
    shared = rng.normal(size=(p, 6)) * np.exp(-np.abs(depth[:, None] - 6) / 6)
    curvature = shared @ shared.T + np.diag(rng.uniform(0.5, 2.0, p))
    gradient = -curvature @ (rng.normal(size=p) * np.exp(-(((depth - 6) / 5) ** 2))) * 0.1
    sizes = (DIRECTIONS,) * layers
    quadratic = BlockQuadratic(gradient, curvature, sizes)
    replicates = Replicates(
        gradient * (1 + 0.02 * rng.normal(size=(groups, p))),
        curvature * (1 + 0.02 * rng.normal(size=(groups, 1, 1))),
        sizes,
    )
    kinds = ("attn.c_attn", "mlp.c_fc")

    def measures(scale: float) -> Measures:
        values = dict(zip(MEASURES, (scale * rng.uniform(0.5, 1.5, len(MEASURES))), strict=True))
        return Measures(**values)

    modules = tuple(
        ModuleProfile(
            AdaptedModule(f"transformer.h.{i}.{kind}", i, kind, 16, 32, f"h.{i}.{kind}", True),
            measures(1.0),
            np.sort(rng.exponential(size=16))[::-1].copy(),
        )
        for i in range(layers)
        for kind in kinds
    )
    profiles = tuple(
        LayerProfile(
            i, tuple(row.module.name for row in modules if row.module.layer == i), measures(2.0)
        )
        for i in range(layers)
    )
    per = (1.0,) * layers
    return LayerCard(
        model={
            "source": "example/gpt2-tiny",
            "digest": "sha256:0",
            "architecture": "gpt2",
            "dtype": "float32",
            "layers": layers,
            "parameters": 123456,
        },
        data={
            "source": "examples.jsonl",
            "digest": "sha256:1",
            "examples": 64,
            "tokens": 4096,
            "completion_tokens": 1024,
            "loss": 3.2,
        },
        options={
            "seed": seed,
            "directions": 2,
            "rank": 8,
            "alpha": 16.0,
            "ridge": 1e-3,
            "batch_size": 8,
        },
        versions={"layercard": "0.1.0"},
        module_profiles=modules,
        layers=profiles,
        gauss_newton=Predictor("gauss-newton", quadratic, replicates),
        costs=DeviceCosts(
            time=CostModel(tuple(0.002 for _ in per), base=0.05, per_depth=0.005),
            memory=CostModel(tuple(2e5 for _ in per), base=1e7, per_depth=1e6),
            serving=CostModel(tuple(1e-4 for _ in per)),
            parameters=CostModel(tuple(768.0 for _ in per)),
            rank=8,
            tokens=512,
            calibrated=True,
            device="cpu, 2 threads",
            residual=0.03,
        ),
        created="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture(scope="session")
def card() -> LayerCard:
    return build()


@pytest.fixture(scope="session")
def make_card() -> Callable[..., LayerCard]:
    return build


WORDS = [f"w{i}" for i in range(40)]


def save_checkpoint(folder: Path, kind: str, *, layers: int = 4, seed: int = 0) -> Path:
    """A tiny random model with a tokenizer of 40 words, as a folder on disk."""
    vocabulary = {word: i for i, word in enumerate(["<end>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", bos_token="<end>", unk_token="<unk>"
    )

    def louder(name: str, parameter: torch.nn.Parameter) -> None:
        if parameter.dim() == 2 and "wte" not in name:
            parameter.data *= 6.0  # off the flat start, so that layers differ

    return save_tiny(folder, kind, fast, layers=layers, window=32, reweigh=louder, seed=seed)


def save_task(path: Path, count: int = 40, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        prompt = rng.integers(0, 20, size=rng.integers(2, 5))
        completion = 20 + (prompt[: rng.integers(2, 4)] % 20)
        rows.append(
            {
                "prompt": " ".join(WORDS[i] for i in prompt),
                "completion": " " + " ".join(WORDS[i] for i in completion),
            }
        )
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


@pytest.fixture(scope="session")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("gpt2") / "tiny", "gpt2")


@pytest.fixture(scope="session")
def qwen3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("qwen3") / "tiny", "qwen3")


@pytest.fixture(scope="session")
def task_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_task(tmp_path_factory.mktemp("task") / "task.jsonl")


@pytest.fixture(scope="session")
def measured(gpt2_folder: Path, task_file: Path) -> LayerCard:
    """A card measured on the tiny GPT-2, with both of its models."""
    options = CardOptions(
        protocol=FinetuneOptions(rank=2, alpha=4.0),
        exact_curvature=True,
        curvature=CurvatureOptions(directions=2),
        calibrate=False,
    )
    return measure_card(load_checkpoint(gpt2_folder), read_examples(task_file), options)

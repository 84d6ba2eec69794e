"""Tiny random checkpoints in float64, data for them, and naive references from the definitions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.models.llama import modeling_llama
from transformers.models.qwen2 import modeling_qwen2
from transformers.models.qwen3 import modeling_qwen3

from realmodel.model.batches import EncodedExample

VOCABULARY = 13
FAMILIES = ("gpt2", "llama", "qwen2", "qwen3")


def _gated(config: Any, model: Any, **more: Any) -> Any:
    return model(
        config(
            vocab_size=VOCABULARY,
            bos_token_id=0,
            eos_token_id=0,
            hidden_size=8,
            intermediate_size=12,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=32,
            attention_dropout=0.3,
            attn_implementation="eager",
            **more,
        )
    )


def build(family: str) -> Any:
    """A random model with all weights of order one and dropout on in training mode."""
    torch.manual_seed(FAMILIES.index(family))
    if family == "gpt2":
        config = GPT2Config(
            n_layer=2,
            n_embd=8,
            n_head=2,
            n_positions=32,
            vocab_size=VOCABULARY,
            bos_token_id=0,
            eos_token_id=0,
            resid_pdrop=0.3,
            attn_implementation="eager",
        )
        model: Any = GPT2LMHeadModel(config)
    elif family == "llama":
        model = _gated(LlamaConfig, LlamaForCausalLM)
    elif family == "qwen2":
        model = _gated(Qwen2Config, Qwen2ForCausalLM)
    else:
        model = _gated(Qwen3Config, Qwen3ForCausalLM, head_dim=4, tie_word_embeddings=True)
    model.double()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.4)
    return model.train()


class _Double:
    """``torch`` with float32 meaning float64: norms and softmax of these models upcast to it."""

    float32 = torch.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@pytest.fixture
def float64_throughout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parity below 1e-8 needs float64 everywhere, also where the architecture says float32."""
    for module in (modeling_llama, modeling_qwen2, modeling_qwen3):
        monkeypatch.setattr(module, "torch", _Double())


@pytest.fixture(params=FAMILIES)
def model(float64_throughout: None, request: pytest.FixtureRequest) -> Any:
    return build(request.param)


@pytest.fixture
def make(float64_throughout: None) -> Callable[[str], Any]:
    return build


@pytest.fixture(scope="session")
def encoded() -> tuple[EncodedExample, ...]:
    """Eleven sequences of different lengths, prompts and completions."""
    rng = np.random.default_rng(0)
    examples: list[EncodedExample] = []
    for i in range(11):
        prompt, completion = int(rng.integers(1, 5)), int(rng.integers(1, 6))
        tokens = tuple(int(t) for t in rng.integers(0, VOCABULARY, prompt + completion))
        labels = (*(-100 for _ in range(prompt)), *tokens[prompt:])
        examples.append(EncodedExample(tokens, labels, f"example {i}"))
    return tuple(examples)


@pytest.fixture
def reference() -> "type[Reference]":
    return Reference


class Reference:
    """Everything by autograd on the weights, one unpadded sequence at a time."""

    def __init__(self, model: Any, encoded: Any, modules: Any) -> None:
        self.model, self.encoded, self.modules = model.eval(), encoded, modules
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        self.tokens = sum(example.num_completion_tokens for example in encoded)

    def logits(self, example: EncodedExample) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.tensor(example.labels[1:])
        logits = self.model(torch.tensor([example.input_ids]), use_cache=False).logits[0, :-1]
        return logits[labels != -100], labels[labels != -100]

    def loss(self) -> torch.Tensor:
        total: Any = 0.0
        for example in self.encoded:
            logits, labels = self.logits(example)
            total = total + torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        return total

    def weight(self, module: Any) -> torch.Tensor:
        return self.model.get_submodule(module.name).weight

    def gradient(self, module: Any) -> np.ndarray:
        (grad,) = torch.autograd.grad(self.loss() / self.tokens, self.weight(module))
        return (grad.T if module.transposed else grad).numpy()

    def sigma(self, module: Any) -> np.ndarray:
        seen: list[torch.Tensor] = []
        handle = self.model.get_submodule(module.name).register_forward_pre_hook(
            lambda _, inputs: seen.append(inputs[0].detach().flatten(0, 1))
        )
        self.loss()
        handle.remove()
        rows = torch.cat(seen)
        return (rows.T @ rows / len(rows)).numpy()

    def gamma_empirical(self, module: Any) -> np.ndarray:
        seen: list[torch.Tensor] = []
        handle = self.model.get_submodule(module.name).register_full_backward_hook(
            lambda _, __, grads: seen.append(grads[0].detach().flatten(0, 1))
        )
        self.loss().backward()
        handle.remove()
        rows = torch.cat(seen)
        return (rows.T @ rows / self.tokens).numpy()

    def dense_gauss_newton(self, directions: Any) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and curvature by the explicit Jacobian of every logit in every weight."""
        U = []
        for module in directions.modules:
            for a, b in zip(
                directions.left[module.name], directions.right[module.name], strict=True
            ):
                full = np.outer(b, a) if module.transposed else np.outer(a, b)
                U.append((module, torch.from_numpy(full)))
        K = len(U)
        g, H = np.zeros(K), np.zeros((K, K))
        for example in self.encoded:
            logits, labels = self.logits(example)
            for t in range(len(labels)):
                rows = []
                for v in range(VOCABULARY):
                    grads = torch.autograd.grad(
                        logits[t, v],
                        [self.weight(module) for module in directions.modules],
                        retain_graph=True,
                    )
                    by_name = {
                        m.name: grad for m, grad in zip(directions.modules, grads, strict=True)
                    }
                    rows.append([float((by_name[m.name] * full).sum()) for m, full in U])
                J = np.array(rows)
                p = torch.softmax(logits[t].detach(), dim=-1).numpy()
                y = np.eye(VOCABULARY)[int(labels[t])]
                g += J.T @ (p - y)
                H += J.T @ (np.diag(p) - np.outer(p, p)) @ J
        return g / self.tokens, H / self.tokens

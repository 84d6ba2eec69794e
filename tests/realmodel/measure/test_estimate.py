"""Estimates follow the operation counts and the bytes of a real pass, and run without weights."""

import math
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from realmodel.bench.card import random_examples
from realmodel.bench.models import SIZES
from realmodel.card import CardOptions
from realmodel.card.estimate import PROCESS_BYTES, Machine, expected_stages, fewest_partitions
from realmodel.measure.gauss_newton import CurvatureOptions
from realmodel.measure.head import Head
from realmodel.measure.measurement import PassRecord
from realmodel.measure.operations import count_operations, product_parameters
from realmodel.measure.partition import Partition
from realmodel.measure.pass_options import PassOptions
from realmodel.measure.seen import BatchView
from realmodel.measure.statistics.measuring import measuring
from realmodel.measure.statistics.plan import PlannedBatch
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import find_modules

SLOW = Machine(1e9, math.inf, 1e6)
"""Memory takes no time here, so that only operations do."""


def test_counts_by_hand(make: Any, encoded: Any) -> None:
    """Operations of a padded pass, term by term."""
    model, table = make("gpt2"), find_modules(make("gpt2"))
    (stage, *_) = expected_stages(
        model,
        encoded,
        table.modules,
        CardOptions(protocol=FinetuneOptions(rank=2), one_pass=PassOptions(batch_size=1)),
        machine=SLOW,
    )
    positions = sum(len(e.input_ids) for e in encoded)  # single sequences: no padding
    tokens = sum(e.num_completion_tokens for e in encoded)
    weights = 2 * (8 * 24 + 8 * 8 + 8 * 32 + 32 * 8)
    body = weights  # every linear map of the blocks is measured
    attention = 2 * 2 * 2 * 8 * (positions / 11) / 2
    inputs, outputs = (8, 8, 8, 32) * 2, (24, 8, 32, 8) * 2
    by_hand = {
        "forward": (2 * body + attention) * positions,
        "backward": (2 * body + 2 * attention) * positions,
        "backward, sampled": (2 * body + 2 * attention) * positions,
        "gradients": 2 * weights * positions,
        "Sigma": sum(d * (d + 1) for d in inputs) * positions,
        "Gamma": sum(m * (m + 1) for m in outputs) * positions,
        "head": 4 * 13 * 8 * tokens,
        "rows": 2 * 2 * (sum(inputs) + 2 * sum(outputs)) * positions,
        "kernels": 2 * 2 * sum(outputs) * 11**2 * 2,
    }
    assert stage.operations == pytest.approx(sum(by_hand.values()))


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3"])
def test_dense_products_are_those_that_torch_counts(name: str) -> None:
    """Forward and backward to the last product; attention, which torch counts as its kernel."""
    model, (rows, length) = _models()[name].requires_grad_(False), (2, 16)
    table = find_modules(model)
    for module in table.modules:
        model.get_submodule(module.name).weight.requires_grad_(True)
    body, head = product_parameters(model)
    ids = torch.ones(rows, length, dtype=torch.long)
    dense = ("aten.mm", "aten.addmm")
    counts: list[float] = []
    with FlopCounterMode(display=False) as forward:
        loss = model(input_ids=ids, labels=ids).loss
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    for counter in (forward, backward):
        found = counter.get_flop_counts()["Global"]
        counts.append(sum(number for kind, number in found.items() if str(kind) in dense))
    positions = rows * length
    lowest = sum(  # no gradient at the first block's input
        module.in_features * module.out_features
        for module in table.modules
        if module.input_group == table.modules[0].input_group
    )
    assert counts[0] == 2 * (body + head) * positions
    measured = sum(module.in_features * module.out_features for module in table.modules)
    assert counts[1] == 2 * (body + head + measured - lowest) * positions


def test_partitions_repeat_the_passes_that_they_need() -> None:
    modules = find_modules(_models()["llama"]).modules
    given: Any = {
        "body": 1000, "head": 100, "positions": 10, "tokens": 4, "sequences": 2, "length": 5,
        "width": 4, "rank": 2,
    }  # fmt: skip
    one, four = (
        count_operations(modules, PassOptions(partitions=number), **given).card for number in (1, 4)
    )
    assert four["forward"] == 4 * one["forward"]
    assert four["backward"] == pytest.approx((1 / 4 + 2 / 4 + 3 / 4 + 1) * one["backward"])
    assert four["gradients"] == one["gradients"]


def test_options_move_the_numbers_the_right_way(encoded: Any) -> None:
    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config())
    modules = find_modules(model).modules

    def stages(**groups: Any) -> dict[str, Any]:
        given = CardOptions(exact_curvature=True, intervals=((0,),), **groups)
        found = expected_stages(model, encoded, modules, given, machine=SLOW)
        return {stage.stage: stage for stage in found}

    plain = stages()
    assert (
        stages(one_pass=PassOptions(partitions=4, offload="disk"))["one pass"].memory
        < plain["one pass"].memory
    )
    assert (
        stages(one_pass=PassOptions(partitions=4))["one pass"].operations
        > plain["one pass"].operations
    )
    assert (
        stages(one_pass=PassOptions(draws=3))["one pass"].operations > plain["one pass"].operations
    )
    fewer = stages(curvature=CurvatureOptions(curvature_samples=1))
    for name in ("exact curvature", "intervals"):
        assert fewer[name].operations < plain[name].operations
    # The whole network is pushed forward, whatever part of it is measured.
    few = find_modules(model, ["*.0.attn.c_proj"]).modules
    (*_, exact, _) = expected_stages(
        model, encoded, few, CardOptions(exact_curvature=True), machine=SLOW
    )
    positions = sum(len(e.input_ids) for e in encoded) * 5 / 11
    assert exact.operations > 2 * positions * 12 * 7e6  # 12 blocks of 7 million parameters
    assert expected_stages(model, encoded[:2], modules, CardOptions())[0].seconds > 0


def test_a_wide_module_is_not_whitened_whole() -> None:
    """From 4,096 to 8,192 the profiles grow with less than the cube, and writing not at all."""

    def stages(width: int) -> dict[str, Any]:
        with torch.device("meta"):
            config = LlamaConfig(
                hidden_size=width, intermediate_size=width, num_hidden_layers=1, vocab_size=50,
                num_attention_heads=64,
            )  # fmt: skip
            model = LlamaForCausalLM(config)
        found = expected_stages(
            model, random_examples(4, 8, 50, 0), find_modules(model).modules, CardOptions(),
            machine=SLOW,
        )  # fmt: skip
        return {stage.stage: stage for stage in found}

    narrow, wide = stages(4096), stages(8192)
    assert wide["profiles"].operations < 7 * narrow["profiles"].operations
    assert wide["writing"].seconds == narrow["writing"].seconds > 0


def test_the_page_of_a_card_grows_with_its_layers() -> None:
    few, many = _models()["qwen3"], _models()["llama"]
    encoded = random_examples(4, 8, 50, 0)
    (*_, two), (*_, five) = (
        expected_stages(model, encoded, find_modules(model).modules, CardOptions(), machine=SLOW)
        for model in (few, many)
    )
    assert two.operations == pytest.approx(40 * 32**2 + 2 * 5e4)
    assert five.operations == pytest.approx(40 * 80**2 + 5 * 5e4)


def test_sums_and_rows_of_qwen3_8b_fit_16_gib_in_the_partitions_recommended() -> None:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(SIZES["qwen3-8b"].config)
    encoded, host = random_examples(256, 128, 1000, 0), 16 * 2**30
    given: Any = {"dtype": torch.bfloat16, "host_bytes": host}
    modules = find_modules(model).modules
    count = fewest_partitions(model, encoded, modules, CardOptions(), **given)
    assert count is not None
    # A packed triangle of 8-byte numbers for each moment, four gradients, and rows of two kinds.
    # Without weights it is not seen that maps share their input: each has a moment of its own.
    moments = sum(8 * d * (d + 192) / 2 for d in (4096,) * 6 + (12288,))
    moments += sum(8 * m * (m + 192) / 2 for m in (4096, 1024, 1024, 4096, 12288, 12288, 4096))
    weights = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 12288
    rows = 4 * 2 * 256 * 8 * (4 * 4096 - 4096 + 2 * 1024 + 2 * 12288)
    by_hand = 36 * (moments + 4 * 4 * weights + rows)
    peaks = {}
    for number in (count - 1, count):
        options = CardOptions(one_pass=PassOptions(partitions=number, offload="disk"))
        (stage, *_) = expected_stages(
            model, encoded, modules, options, machine=SLOW, dtype=torch.bfloat16
        )
        peaks[number] = stage.host + PROCESS_BYTES
        assert stage.host == pytest.approx(by_hand / number, rel=0.01)
    assert peaks[count] <= host < peaks[count - 1]
    given |= {"host_bytes": 1e9}
    assert fewest_partitions(model, encoded, modules, CardOptions(), **given) is None


def _models() -> dict[str, Any]:
    """Three shapes: fused attention and an old activation, grouped queries, wide and shallow."""
    common: Any = {"vocab_size": 500, "max_position_embeddings": 64}
    torch.manual_seed(0)
    return {
        "gpt2": GPT2LMHeadModel(GPT2Config(n_layer=3, n_embd=64, n_head=4, vocab_size=500)),
        "llama": LlamaForCausalLM(
            LlamaConfig(
                hidden_size=48, intermediate_size=128, num_hidden_layers=5, num_attention_heads=6,
                num_key_value_heads=2, **common,
            )
        ),
        "qwen3": Qwen3ForCausalLM(
            Qwen3Config(
                hidden_size=96, intermediate_size=320, num_hidden_layers=2, num_attention_heads=6,
                num_key_value_heads=3, head_dim=16, **common,
            )
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3"])
def test_memory_is_that_of_a_real_pass(name: str) -> None:
    """Every byte that autograd, sums and rows hold while the last batch is backward."""
    model = _models()[name]
    modules, encoded = find_modules(model).modules, random_examples(16, 32, 500, 0)
    options = CardOptions(protocol=FinetuneOptions(rank=4))
    (stage, *_) = expected_stages(model, encoded, modules, options, machine=SLOW)
    protocol: FinetuneOptions = options.protocol
    given = PassRecord(
        groups=4, output_moment="sampled", draws=1, protocol=protocol.to_dict(), rows=16,
        batch_size=8, padding_side="right", partitions=1, seed=0, dtype="float32",
    )  # fmt: skip
    factors = LoraFactors.drawn(modules, protocol)
    partition = Partition(modules, given, factors, range(16), device=None, folder=None)
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = PlannedBatch(0, tuple(range(4))).padded(encoded, "right", "cpu")
    with measuring(model), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        partition.add(model, Head.of(model, batch), BatchView(batch, 0))
    weights = 4 * sum(parameter.numel() for parameter in model.parameters())
    sums = sum(tensor.nbytes for tensor in partition.sums.values())
    logits = 4 * 500 * 4 * 16 * 4  # four arrays of the completion tokens
    true = weights + sums + sum(kept.values()) + logits
    assert 1 / 1.5 < (stage.memory - PROCESS_BYTES) / true < 1.5

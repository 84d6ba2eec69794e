"""The benchmark's counting and bookkeeping; its timings are nobody's assertion."""

import json
import mmap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel
from typer.testing import CliRunner

from realmodel.bench import models
from realmodel.bench.__main__ import application
from realmodel.bench.card import random_examples
from realmodel.bench.models import Size, random_model
from realmodel.bench.peak_memory import peak_memory
from realmodel.measure.one_pass import one_pass
from realmodel.measure.operations import Operations, count_operations
from realmodel.measure.pass_options import PassOptions
from realmodel.model.batches import batches, completion_loss
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import find_modules
from theory import InputError

TINY = Size(
    GPT2Config(
        n_embd=16, n_layer=2, n_head=2, vocab_size=32, n_positions=16, bos_token_id=0,
        eos_token_id=0,
    ),
    torch.float32,
)  # fmt: skip


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(models.SIZES, "tiny", TINY)
    return "tiny"


def counted(model: Any, length: int, **more: Any) -> Operations:
    """For one sequence of ``length`` with loss on its second half, on the tiny model."""
    body = sum(module.in_features * module.out_features for module in find_modules(model).modules)
    given: dict[str, Any] = {
        "body": body, "head": 16 * 32, "positions": length, "tokens": length - length // 2,
        "sequences": 1, "length": length, "width": 16, "rank": 2,
    }  # fmt: skip
    return count_operations(find_modules(model).modules, PassOptions(), **given | more)


def test_operations_agree_with_torch_s_own_counter() -> None:
    length = 16
    model = GPT2LMHeadModel(TINY.config)
    table = find_modules(model)
    model.requires_grad_(False)
    for module in table.modules:
        model.get_submodule(module.name).weight.requires_grad_(True)
    batch = next(batches(random_examples(1, length, 32, 0), batch_size=1, pad_id=0))
    with FlopCounterMode(display=False) as counter:
        loss, _ = completion_loss(model, batch)
        loss.backward()
    # torch counts full attention where causal attention needs half; the lowest map needs no
    # gradient at its input.
    attention = 3 * 2 * 2.0 * 16 * length / 2 * 2
    lowest = 2.0 * 48 * 16
    expected = counted(model, length).training + (attention - lowest) * length
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.03)
    assert counter.get_total_flops() != pytest.approx(expected * 1.1, rel=0.03)


def test_a_pass_does_what_is_counted() -> None:
    """Torch's own count of the pass, with blocks of the symmetric products in full."""
    length = 16
    model = GPT2LMHeadModel(TINY.config)
    model.set_attn_implementation("eager")  # torch does not count the fused kernel here
    model._supports_sdpa = False
    table = find_modules(model)
    with FlopCounterMode(display=False) as counter:
        one_pass(
            model, random_examples(1, length, 32, 0), table, groups=1,
            protocol=FinetuneOptions(rank=2, alpha=4),
        )  # fmt: skip
    own = counted(model, length).card
    attention = 2 * 2.0 * 16 * length / 2 * 2 * length
    lowest = 2 * 2.0 * 48 * 16 * length  # no gradient at the lowest input, in either backward
    squares = own["Sigma"] + own["Gamma"]  # one block: both triangles
    # The head is tried on the shortest sequence: two forward passes more, one with the head.
    tried = 2 * own["forward"] + own["head"] / 2
    # Torch does not count products that are added in place.
    expected = sum(own.values()) + 7 * attention + squares - lowest + tried - own["gradients"]
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.02)
    assert counter.get_total_flops() != pytest.approx(expected * 1.1, rel=0.02)


def test_floor_of_qwen3_8b_is_well_below_the_target() -> None:
    size = models.SIZES["qwen3-8b"]
    with torch.device("meta"):
        model = models.AutoModelForCausalLM.from_config(size.config)
    table = find_modules(model)
    assert len(table.modules) == 36 * 7
    body = sum(module.in_features * module.out_features for module in table.modules)
    found = count_operations(
        table.modules, PassOptions(), body=body, head=4096 * 151_936, positions=256 * 512,
        tokens=256 * 256, sequences=256, length=512, width=4096, rank=8,
    )  # fmt: skip
    assert 1.3 < found.floor < 2.0


def test_peak_memory_sees_an_allocation() -> None:
    with peak_memory("cpu") as before:
        pass
    # Mapped afresh: an array might stand in memory that the process keeps.
    with peak_memory("cpu") as during, mmap.mmap(-1, 64 * 2**20) as block:
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
    if before.bytes is None or during.bytes is None:
        pytest.skip("this system does not tell its peak memory")
    assert during.bytes - before.bytes > 48 * 2**20


def test_command_writes_its_record(tiny: str, tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    arguments = ["card", tiny, "--length", "16", "--num-samples", "6", "--partitions", "2"]
    arguments += ["--no-calibrate", "--output", str(output), "--json"]
    done = CliRunner().invoke(application, arguments)
    assert done.exit_code == 0, done.output
    (measured,) = json.loads(output.read_text())["timings"]
    assert measured["tokens"] == 6 * 16
    assert measured["partitions"] == 2
    assert measured["training_seconds"] > 0
    assert measured["card_seconds"] > 0
    assert set(measured["stages"]) == {"one pass", "profiles", "assembly", "writing"}
    assert measured["floor"] == pytest.approx(sum(measured["operations"].values()))


def test_more_draws_come_closer_to_the_exact_curvature() -> None:
    words = ["curvature", "--sequences", "6", "--draws", "1", "--draws", "40", "--json"]
    result = CliRunner().invoke(application, words)
    assert result.exit_code == 0, result.output
    one, many = json.loads(result.stdout)["rows"]
    assert (one["draws"], many["draws"]) == (1, 40)
    assert (one["sets"], many["sets"]) == (40, 1)
    assert many["matrix_error"] / one["matrix_error"] < 0.5  # about 1/sqrt(40)
    assert many["order"] > 0.9
    assert many["gain_error"] < one["gain_error"]
    assert one["exact_coupling"] == many["exact_coupling"]
    assert many["coupling"] == pytest.approx(many["exact_coupling"], rel=0.2)
    assert one["coupling"] > many["coupling"]  # the noise of labels adds in quadrature


def test_widths_are_timed_one_by_one() -> None:
    result = CliRunner().invoke(application, ["widths", "16", "300", "--json"])
    assert result.exit_code == 0, result.output
    assert [row["width"] for row in json.loads(result.stdout)["rows"]] == [16, 300]


@pytest.mark.parametrize(
    ("name", "message"), [("gpt5", "'gpt5' is unknown"), ("qwen3-8b", "choose the device cuda")]
)
def test_bad_model(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        random_model(name, "cpu", 0)
    assert CliRunner().invoke(application, ["card", name]).exit_code == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_peak_is_the_allocators() -> None:
    with peak_memory("cuda") as peak:
        torch.ones(2**20, device="cuda")
    assert peak.bytes is not None
    assert peak.bytes >= 4 * 2**20

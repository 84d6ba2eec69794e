"""The benchmark's counting and bookkeeping; its timings are nobody's assertion."""

import json
from pathlib import Path

import pytest
import torch
from realmodel.bench.operations import count_operations
from realmodel.bench.run import random_examples
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel
from typer.testing import CliRunner

from realmodel.bench import models
from realmodel.bench.__main__ import application
from realmodel.bench.models import Size, random_model
from realmodel.bench.peak_memory import peak_memory
from realmodel.measure.statistics import collect_statistics
from realmodel.model.batches import batches, completion_loss
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
    counted = count_operations(table.modules, width=16, vocabulary=32, length=length)
    # torch counts full attention where causal attention needs half; the lowest map needs no
    # gradient at its input.
    attention = 3 * 2 * 2.0 * 16 * length / 2 * 2
    lowest = 2.0 * 48 * 16
    expected = (counted.training + attention - lowest) * length
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.03)
    assert counter.get_total_flops() != pytest.approx(expected * 1.1, rel=0.03)


def test_partitions_repeat_the_passes_that_torch_counts() -> None:
    length = 16
    model = GPT2LMHeadModel(TINY.config)
    model.set_attn_implementation("eager")  # torch does not count the fused kernel here
    table = find_modules(model)

    def flops(partitions: int) -> float:
        with FlopCounterMode(display=False) as counter:
            collect_statistics(
                model,
                random_examples(1, length, 32, 0),
                table,
                groups=1,
                output_moment="none",
                partitions=partitions,
                check_accuracy=False,
            )
        return float(counter.get_total_flops())

    def counted(partitions: int) -> float:
        return count_operations(
            table.modules,
            width=16,
            vocabulary=32,
            length=length,
            partitions=partitions,
            completion_share=0.5,
        ).extraction

    # The second pass: forward through two blocks, backward through one, of which torch counts
    # all of the attention where half is needed; the lowest map needs no gradient at its input.
    attention = 2 * 2.0 * 16 * length / 2
    unneeded = 2.0 * 48 * 16
    expected = (counted(2) - counted(1) + 4 * attention - unneeded) * length
    assert flops(2) - flops(1) == pytest.approx(expected, rel=0.03)
    assert flops(2) - flops(1) != pytest.approx(expected * 1.1, rel=0.03)


def test_floor_of_qwen3_8b_is_well_below_the_target() -> None:
    with torch.device("meta"):
        model = models.AutoModelForCausalLM.from_config(models.SIZES["qwen3-8b"].config)
    table = find_modules(model)
    assert len(table.modules) == 36 * 7
    counted = count_operations(table.modules, width=4096, vocabulary=151_936, length=1024)
    assert 1.1 < counted.floor < 1.6


def test_peak_memory_sees_an_allocation() -> None:
    with peak_memory("cpu") as before:
        pass
    with peak_memory("cpu") as during:
        torch.ones(64 * 2**20 // 4).sum()
    if before.bytes is None or during.bytes is None:
        pytest.skip("this system does not tell its peak memory")
    assert during.bytes - before.bytes > 48 * 2**20


def test_command_writes_its_record(tiny: str, tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    arguments = [tiny, "--length", "16", "--rounds", "1", "--partitions", "2"]
    arguments += ["--output", str(output), "--json"]
    done = CliRunner().invoke(application, arguments)
    assert done.exit_code == 0, done.output
    (measured,) = json.loads(output.read_text())["measurements"]
    assert measured["tokens"] == 4 * 16
    assert measured["partitions"] == 2
    assert measured["training_seconds"] > 0
    assert measured["extraction_seconds"] > 0
    assert measured["floor"] > 1


@pytest.mark.parametrize(
    ("name", "message"), [("gpt5", "'gpt5' is unknown"), ("qwen3-8b", "pass --device cuda")]
)
def test_bad_model(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        random_model(name, "cpu", 0)
    assert CliRunner().invoke(application, [name]).exit_code == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_peak_is_the_allocators() -> None:
    with peak_memory("cuda") as peak:
        torch.ones(2**20, device="cuda")
    assert peak.bytes is not None
    assert peak.bytes >= 4 * 2**20

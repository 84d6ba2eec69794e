"""Packed rows: every token once, no row too long, few rows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from realmodel.card import CardOptions, LayerCard, measure_card
from realmodel.cli import app
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.packing import packed
from realmodel.datasets import read_examples
from realmodel.measure.pass_options import PassOptions
from realmodel.model.batches import IGNORED, EncodedExample
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.forward import window_of
from realmodel.model.lora_protocol import FinetuneOptions
from theory import InputError


def example(number: int, size: int, prompt: int = 1) -> EncodedExample:
    ids = tuple(1000 * number + at for at in range(size))
    labels = tuple(IGNORED if at < prompt else token for at, token in enumerate(ids))
    return EncodedExample(ids, labels, str(number))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(20, 40))
def test_every_token_once(sizes: list[int], length: int) -> None:
    examples = [example(number, size) for number, size in enumerate(sizes, 1)]
    batch = packed(examples, length, pad_id=0)
    rows, width = batch.input_ids.shape
    assert width == length
    real = batch.attention_mask.bool()
    tokens = sorted(batch.input_ids[real].tolist())
    assert tokens == sorted(token for one in examples for token in one.input_ids)
    assert (batch.input_ids[~real] == 0).all()
    assert (batch.labels[~real] == IGNORED).all()
    trained = batch.labels != IGNORED
    assert torch.equal(batch.labels[trained], batch.input_ids[trained])
    assert int(trained.sum()) == sum(one.num_completion_tokens for one in examples)
    fewest = -(-sum(sizes) // length)
    # Of two rows that both were opened, what is in the second did not fit in the first.
    assert fewest <= rows <= max(1, 2 * fewest)


def test_a_first_label_has_nothing_before_it() -> None:
    batch = packed([example(1, 3, prompt=0), example(2, 3, prompt=0)], 6, pad_id=0)
    assert batch.labels.tolist() == [[IGNORED, 1001, 1002, IGNORED, 2001, 2002]]


def test_a_sequence_that_no_row_holds() -> None:
    with pytest.raises(InputError, match="example 3 has 9 tokens, more than a packed row of 8"):
        packed([example(3, 9)], 8, pad_id=0)


def test_a_card_of_a_packed_run(gpt2_folder: Path, task_file: Path) -> None:
    checkpoint, examples = load_checkpoint(gpt2_folder), read_examples(task_file)
    options = CardOptions(
        protocol=FinetuneOptions(rank=1, alpha=2.0, batch_size=4),
        one_pass=PassOptions(tangent_samples=8),
        calibrate=False,
    )
    padded = measure_card(checkpoint, examples, options).costs
    card = measure_card(checkpoint, examples, replace(options, packing=64))
    costs = card.costs
    assert costs.packing == 64
    assert costs.batch is not None
    assert costs.batch[1] == 64
    assert costs.tokens == padded.tokens  # no padding is counted
    assert costs.batch[0] == -(-costs.tokens // 64) or costs.batch[0] < 4
    assert f"{costs.tokens} tokens, packed into rows of 64" in costs.step_title
    assert DeviceCosts.from_dict(costs.to_dict()) == costs
    assert card.options["packing"] == 64
    with pytest.raises(InputError, match="tokens, more than a packed row of 2: take longer rows"):
        measure_card(checkpoint, examples, replace(options, packing=2))
    window = window_of(checkpoint.model)
    with pytest.raises(InputError, match=f"{window + 1} tokens exceeds the model's window of"):
        measure_card(checkpoint, examples, replace(options, packing=window + 1, calibrate=True))
    with pytest.raises(InputError, match="packing must be a whole number of at least 1, not 0"):
        CardOptions(packing=0)
    with pytest.raises(InputError, match="packing must be at most 1048576 tokens, got 10000000000"):
        CardOptions(packing=10**10)


def test_what_the_exports_say(measured: LayerCard, tmp_path: Path) -> None:
    costs = replace(measured.costs, packing=96, batch=(3, 96))
    path = replace(measured, costs=costs).save(tmp_path / "card.json")
    arguments = [*("place", str(path), "--budget", "2", "--output-dir", str(tmp_path / "place"))]
    done = CliRunner().invoke(app, [*arguments, "--packing", "64"])
    assert done.exit_code == 2
    assert "96-token packed rows, not of packed ones of 64 tokens: add --calibrate" in done.output
    done = CliRunner().invoke(app, [*arguments, "--packing", "96", "--json"])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "place"
    script: dict[str, Any] = {}
    source = (folder / "trl_sft.py").read_text().split("def stop_below_adapters")[0]
    exec(source, script)
    run = script["RUN"]
    assert (run["packing"], run["max_length"], run["per_device_train_batch_size"]) == (True, 96, 3)
    axolotl = yaml.safe_load((folder / "axolotl.yaml").read_text())
    assert (axolotl["sample_packing"], axolotl["sequence_len"]) == (True, 96)
    assert axolotl["micro_batch_size"] == 3
    factory = yaml.safe_load((folder / "llamafactory.yaml").read_text())
    assert (factory["packing"], factory["cutoff_len"]) == (True, 96)
    assert factory["per_device_train_batch_size"] == 3
    assert "packing" not in json.loads((folder / "placement.json").read_text())["protocol"]

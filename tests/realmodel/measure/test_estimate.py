"""Estimates follow the operation counts, and run without weights."""

from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from realmodel.measure.statistics import estimate_stages
from realmodel.model.modules import find_modules


def test_counts_by_hand(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    table = find_modules(model)
    positions = sum(len(e.input_ids) for e in encoded)
    tokens = sum(e.num_completion_tokens for e in encoded)
    weights = 2 * (8 * 24 + 8 * 8 + 8 * 32 + 32 * 8)
    grams = 2 * (3 * 8**2 + 32**2)
    stage = estimate_stages(model, encoded, table, output_moment="none", rate=1e9)[0]
    by_hand = 4 * (weights * positions + 13 * 8 * tokens) + 2 * positions * (weights + grams)
    assert stage.operations == by_hand
    assert stage.seconds == by_hand / 0.5e9


def test_options_move_the_numbers_the_right_way(encoded: Any) -> None:
    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config())
    table = find_modules(model)
    plain = estimate_stages(model, encoded, table, rate=1e10)
    parts = estimate_stages(model, encoded, table, rate=1e10, partitions=4)
    assert parts[0].memory < plain[0].memory
    assert parts[0].operations > plain[0].operations
    fewer = estimate_stages(model, encoded, table, rate=1e10, curvature_sequences=1)
    assert fewer[2].operations < plain[2].operations
    assert estimate_stages(model, encoded[:2], table)[0].seconds > 0

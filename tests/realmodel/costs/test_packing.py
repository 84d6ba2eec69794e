"""Packed rows: every token once, no row too long, few rows."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realmodel.costs.packing import packed
from realmodel.model.batches import IGNORED, EncodedExample
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
    assert (batch.input_ids[~real] == 0).all() and (batch.labels[~real] == IGNORED).all()
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

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realmodel.datasets import Example
from realmodel.model.batches import (
    IGNORED,
    EncodedExample,
    batches,
    completion_loss,
    encode,
    padding_id,
)
from theory import InputError

EXAMPLES = (
    Example("a", "name : Aromi\n", "Aromi is a pub ."),
    Example("b", "name : Zizzi | area : riverside\n", "Zizzi ."),
    Example("c", "n\n", "It lies by the river ."),
)


def naive_losses(model: Any, encoded: EncodedExample) -> list[float]:
    """Per completion token, from one unpadded sequence, by the definition."""
    logits = model(torch.tensor([encoded.input_ids])).logits[0]
    losses: list[float] = []
    for position, label in enumerate(encoded.labels):
        if label == IGNORED or position == 0:
            continue
        scores = logits[position - 1].tolist()
        total = math.log(sum(math.exp(score) for score in scores))
        losses.append(total - scores[label])
    return losses


def test_labels_cover_the_completion_and_the_end(tokenizer: Any) -> None:
    for example, encoded in zip(EXAMPLES, encode(EXAMPLES, tokenizer, max_length=64), strict=True):
        labelled = [label for label in encoded.labels if label != IGNORED]
        prompt = encoded.input_ids[: len(encoded.input_ids) - len(labelled)]
        assert tokenizer.decode(prompt) == example.prompt
        assert tokenizer.decode(labelled[:-1]) == example.completion
        assert labelled[-1] == tokenizer.eos_token_id
        assert encoded.input_ids[-len(labelled) :] == tuple(labelled)
        assert encoded.num_completion_tokens == len(labelled)
        assert encoded.id == example.id


def test_a_long_sequence_is_an_error_or_left_out(tokenizer: Any) -> None:
    lengths = [len(row.input_ids) for row in encode(EXAMPLES, tokenizer, max_length=64)]
    window = max(lengths) - 1
    message = f"example b has {max(lengths)} tokens and the window is {window}.*too long: skip"
    assert lengths[1] == max(lengths)
    with pytest.raises(InputError, match=message):
        encode(EXAMPLES, tokenizer, max_length=window)
    kept = encode(EXAMPLES, tokenizer, max_length=window, too_long="skip")
    assert [row.id for row in kept] == ["a", "c"]
    with pytest.raises(InputError, match="none of 3 examples fits in the window of 2 tokens"):
        encode(EXAMPLES, tokenizer, max_length=2, too_long="skip")


def test_a_tokenizer_without_an_end_is_refused() -> None:
    with pytest.raises(InputError, match="no end-of-sequence token"):
        encode(EXAMPLES, SimpleNamespace(eos_token_id=None), max_length=64)


def test_a_closing_special_token_is_not_left_between_prompt_and_completion() -> None:
    class Closing:
        eos_token_id = 9

        def __call__(
            self, text: str, add_special_tokens: bool = True, verbose: bool = True
        ) -> dict[str, list[int]]:
            return {"input_ids": [5] * len(text) + [9] * add_special_tokens}

    (row,) = encode([Example("a", "xy", "z")], Closing(), max_length=9)
    assert row.input_ids == (5, 5, 5, 9)
    assert row.labels == (IGNORED, IGNORED, 5, 9)


def test_padding_token(tokenizer: Any) -> None:
    assert padding_id(tokenizer) == tokenizer.pad_token_id
    assert padding_id(SimpleNamespace(pad_token_id=None, eos_token_id=7)) == 7


rows = st.lists(st.lists(st.integers(1, 99), min_size=2, max_size=7), min_size=1, max_size=6)


@given(rows, st.integers(1, 4), st.sampled_from(["left", "right"]), st.booleans())
def test_batches_hold_every_sequence_once(
    ids: list[list[int]], batch_size: int, side: Any, by_length: bool
) -> None:
    encoded = [EncodedExample(tuple(row), (IGNORED, *row[1:]), str(i)) for i, row in enumerate(ids)]
    seen: dict[int, list[list[int]]] = {}
    for batch in batches(
        encoded, batch_size=batch_size, pad_id=0, padding_side=side, by_length=by_length
    ):
        assert batch.input_ids.dtype == batch.labels.dtype == torch.int64
        assert len(batch.input_ids) <= batch_size
        for i, index in enumerate(batch.sequence_index.tolist()):
            real = batch.attention_mask[i].bool()
            assert (batch.input_ids[i][~real] == 0).all()
            assert (batch.labels[i][~real] == IGNORED).all()
            seen[index] = [
                part[i][real].tolist()
                for part in (batch.input_ids, batch.labels, batch.position_ids)
            ]
    assert seen == {
        i: [row, [IGNORED, *row[1:]], list(range(len(row)))] for i, row in enumerate(ids)
    }


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("batch_size", [1, 2, 3])
@pytest.mark.parametrize("by_length", [False, True])
def test_loss_does_not_depend_on_padding_or_batch_size(
    model: Any, tokenizer: Any, side: Any, batch_size: int, by_length: bool
) -> None:
    encoded = encode(EXAMPLES, tokenizer, max_length=64)
    expected = [naive_losses(model, row) for row in encoded]
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in batches(
            encoded,
            batch_size=batch_size,
            pad_id=padding_id(tokenizer),
            padding_side=side,
            by_length=by_length,
        ):
            loss, tokens = completion_loss(model, batch)
            total, count = total + float(loss), count + tokens
    assert count == sum(len(losses) for losses in expected)
    assert total == pytest.approx(sum(map(sum, expected)), rel=1e-10)


def test_padding_that_is_not_masked_would_change_the_loss(model: Any, tokenizer: Any) -> None:
    """Negative control: the check above fails when the mask and the positions are dropped."""
    encoded = encode(EXAMPLES, tokenizer, max_length=64)
    (batch,) = batches(encoded, batch_size=3, pad_id=0, padding_side="left")
    with torch.no_grad():
        right = float(completion_loss(model, batch)[0])
        bare = model(input_ids=batch.input_ids).logits[:, :-1].flatten(0, 1)
        wrong = torch.nn.functional.cross_entropy(
            bare, batch.labels[:, 1:].flatten(), reduction="sum"
        )
    assert abs(float(wrong) - right) > 1e-3 * right


def test_half_precision_logits_are_summed_in_float32() -> None:
    logits = torch.zeros(1, 3, 4, dtype=torch.bfloat16)

    def half_model(**_: Any) -> Any:
        return SimpleNamespace(logits=logits)

    (batch,) = batches([EncodedExample((1, 2, 3), (IGNORED, 2, 3), "a")], batch_size=1, pad_id=0)
    loss, count = completion_loss(half_model, batch)
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(2 * math.log(4), rel=1e-6)
    assert count == 2


def test_batch_moves_between_devices(tokenizer: Any) -> None:
    (batch,) = batches(encode(EXAMPLES, tokenizer, max_length=64), batch_size=3, pad_id=0)
    moved = batch.to("meta")
    assert {moved.input_ids.device.type, moved.sequence_index.device.type} == {"meta"}


def test_batch_size_must_be_positive() -> None:
    with pytest.raises(InputError, match="batch size must be at least 1, got 0"):
        next(batches([], batch_size=0, pad_id=0))

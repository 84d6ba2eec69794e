import json
from dataclasses import replace

import pytest
from transformers.utils import logging

from realmodel.datasets.split import split_by_prompt
from realmodel.finetuning import FinetuneOptions, finetune, target_modules
from realmodel.finetuning.loss import trailing_loss
from realmodel.finetuning.schedule import batch_schedule
from realmodel.model.batches import batches
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.lora_protocol import LARGEST
from theory import InputError

OPTIONS = FinetuneOptions(rank=2, alpha=4.0, learning_rate=2e-2, steps=6, batch_size=4)


@pytest.fixture
def run(gpt2, table_of, encoded_by):
    encoded = encoded_by(gpt2)

    def call(options=OPTIONS, layers=(0, 2), **more):
        modules = target_modules(table_of(gpt2), layers=layers)
        return finetune(gpt2, encoded[:24], encoded[24:], modules, options, **more)

    return call


def test_training_lowers_the_heldout_loss(checkpoint, table_of, encoded_by):
    encoded = encoded_by(checkpoint)
    modules = target_modules(table_of(checkpoint))
    options = replace(OPTIONS, steps=25)
    result = finetune(
        checkpoint, encoded[:24], encoded[24:], modules, options, measure_latency=True
    )
    assert result.gain > 0.3
    assert result.loss_before - result.loss_after == result.gain
    assert result.adapter_bytes == 4 * result.trainable_parameters
    assert result.tokens_per_second is not None
    assert result.tokens_per_second > 0
    assert result.peak_memory_bytes > 10 * 2**20
    assert result.latency is not None
    assert result.latency.adapted_ms > 0
    assert result.layers == (0, 1, 2)
    json.dumps(result.to_dict(), allow_nan=False)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(run):
    first, again, other = run(), run(), run(replace(OPTIONS, seed=1))
    assert first.loss_after == again.loss_after
    assert first.training_losses == again.training_losses
    assert first.loss_after != other.loss_after


class KilledError(Exception):
    pass


@pytest.mark.parametrize("killed_after", [1, 2, 3, 5])
def test_a_killed_run_continues_bit_for_bit(run, tmp_path, killed_after):
    whole = run()

    def kill(step):
        if step == killed_after:
            raise KilledError

    with pytest.raises(KilledError):
        run(folder=tmp_path, save_every=2, on_step=kill)
    steps = []
    resumed = run(folder=tmp_path, save_every=2, on_step=steps.append)
    assert steps[0] == killed_after // 2 * 2 + 1
    assert resumed.loss_after == whole.loss_after
    assert resumed.training_losses == whole.training_losses


def test_a_finished_run_is_read_back_without_training(run, tmp_path):
    done = run(folder=tmp_path)
    steps = []
    again = run(folder=tmp_path, on_step=steps.append)
    assert steps == []
    assert again.loss_after == done.loss_after
    assert again.tokens_per_second is None
    assert [p.name for p in tmp_path.glob("*.safetensors")] == ["state-6.safetensors"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": (1,)}, "holds a run with modules"),
        ({"options": replace(OPTIONS, rank=3)}, "holds a run with options"),
    ],
)
def test_a_run_of_something_else_is_refused(run, tmp_path, change, message):
    run(folder=tmp_path)
    with pytest.raises(InputError, match=message):
        run(folder=tmp_path, **change)


def test_a_run_in_another_arithmetic_is_refused(folders, table_of, encoded_by, tmp_path):
    """The digest of a folder is that of its files, whatever they are loaded as."""
    loaded = [load_checkpoint(folders["gpt2"], dtype=dtype) for dtype in ("float32", "float64")]
    modules = target_modules(table_of(loaded[0]), layers=(0,))
    encoded = encoded_by(loaded[0])
    finetune(loaded[0], encoded[:24], encoded[24:], modules, OPTIONS, folder=tmp_path)
    with pytest.raises(InputError, match="holds a run with arithmetic 'float32', not 'float64'"):
        finetune(loaded[1], encoded[:24], encoded[24:], modules, OPTIONS, folder=tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("run.json", b"{", "is not a saved run"),
        (
            "run.json",
            b'{"version": 99, "identity": {}, "step": 1, "losses": [], "tensors": "x"}',
            "has version 99",
        ),
        ("state-6.safetensors", b"short", "is damaged"),
    ],
)
def test_a_damaged_run_is_refused(run, tmp_path, file, content, message):
    run(folder=tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=message):
        run(folder=tmp_path)


@pytest.mark.parametrize(
    ("steps", "match"),
    [(4, "the loss is nan at step 2; lower the"), (1, "loss is nan after the last step; lower")],
)
def test_a_diverging_run_says_what_to_do(run, monkeypatch, steps, match):
    monkeypatch.setitem(LARGEST, "learning_rate", 1e36)  # the first step throws it out of float32
    options = replace(OPTIONS, steps=steps, learning_rate=1e36, alpha=1e6)
    with pytest.raises(InputError, match=match):
        run(options)


@pytest.mark.parametrize(
    "bad", [{"rank": 0}, {"steps": -1}, {"learning_rate": 0.0}, {"alpha": float("nan")}]
)
def test_bad_options_are_refused(bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(InputError, match=f"{name.replace('_', ' ')} must be positive, got {value}"):
        replace(OPTIONS, **bad)


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="seed must not be negative, got -1"):
        replace(OPTIONS, seed=-1)


def test_batches_use_every_sequence_once_an_epoch_and_are_of_like_length(gpt2, encoded_by):
    encoded = encoded_by(gpt2)
    schedule = batch_schedule(encoded, batch_size=5, steps=6, seed=3)
    used = [index for batch in schedule for index in batch]
    assert sorted(used) == list(range(30))
    assert schedule == batch_schedule(encoded, batch_size=5, steps=6, seed=3)
    assert schedule != batch_schedule(encoded, batch_size=5, steps=6, seed=4)
    lengths = sorted(len(e.input_ids) for e in encoded)
    for batch in schedule:
        spread = [lengths.index(len(encoded[i].input_ids)) for i in batch]
        assert max(spread) - min(spread) <= 30 // 5
    few = batch_schedule(encoded[:2], batch_size=5, steps=3, seed=0)
    assert [sorted(batch) for batch in few] == [[0, 1]] * 3


def test_the_split_keeps_prompts_apart(examples):
    training, heldout = split_by_prompt(examples + examples, seed=1)
    assert len(training) + len(heldout) == 60
    assert not {e.prompt for e in training} & {e.prompt for e in heldout}
    with pytest.raises(InputError, match="1 distinct prompt cannot be split"):
        split_by_prompt(examples[:1], seed=0)


def test_padding_without_a_mask_is_meant(gpt2, encoded_by):
    """Transformers would advise the mask that right padding does not need."""
    (batch,) = batches(encoded_by(gpt2)[:4], batch_size=4, pad_id=0)
    before, heard = logging.get_verbosity(), []
    hook = gpt2.model.register_forward_pre_hook(lambda *_: heard.append(logging.get_verbosity()))
    trailing_loss(gpt2.model, batch)
    hook.remove()
    assert heard == [logging.ERROR]
    assert before == logging.get_verbosity() != logging.ERROR

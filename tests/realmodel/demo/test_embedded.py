"""The committed checkpoints are what their recipe and their records say."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from realmodel.demo import CHECKPOINTS, checkpoint_folder, embedded, examples
from realmodel.demo.recipe import miniature
from realmodel.demo.recipe.headroom import fine_tuned_loss, task_loss
from realmodel.demo.recipe.pretrain import Schedule, heldout_loss, pack
from realmodel.demo.recipe.prose import passages
from realmodel.demo.recipe.tokenizer import train_tokenizer
from realmodel.demo.recipe.train import HELDOUT_SEED, TASK_HELDOUT_SEED, TRAIN_SEED, train
from realmodel.model.batches import encode, padding_id
from realmodel.model.checkpoint import load_checkpoint
from theory import InputError


@cache
def record(name: str) -> dict[str, Any]:
    return json.loads((checkpoint_folder(name) / "training.json").read_text())


@cache
def loaded(name: str) -> Any:
    return load_checkpoint(checkpoint_folder(name))


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_small_half_precision_and_deep(name: str) -> None:
    weights = checkpoint_folder(name) / "model.safetensors"
    assert weights.stat().st_size <= 3 * 2**20
    with safe_open(weights, "pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}  # noqa: SIM118
    config = loaded(name).model.config
    assert config.model_type == name
    assert config.num_hidden_layers == miniature.LAYERS
    assert 8 <= miniature.LAYERS <= 12
    parameters = sum(parameter.numel() for parameter in loaded(name).model.parameters())
    assert parameters == record(name)["parameters"]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_recorded_losses_are_measured_again(name: str) -> None:
    model, tokenizer = loaded(name).model, loaded(name).tokenizer
    recorded = record(name)
    with torch.no_grad():
        text = pack(passages(400, HELDOUT_SEED), tokenizer, miniature.WINDOW)[::4]
        loss = heldout_loss(model, text)
    # A quarter of the held-out text, so equal up to the sample.
    assert loss == pytest.approx(recorded["heldout_text_loss"]["after"], rel=0.05)
    assert loss < 0.3 * recorded["heldout_text_loss"]["before"]
    encoded = encode(examples(64, seed=TASK_HELDOUT_SEED), tokenizer, max_length=miniature.WINDOW)
    before = task_loss(model, encoded, padding_id(tokenizer))
    task = recorded["heldout_task_loss"]
    assert before == pytest.approx(task["pretrained"], rel=0.05)
    assert task["after_full_finetune"] < 0.25 * task["pretrained"]


def test_a_little_fine_tuning_already_helps() -> None:
    """The headroom is there to be learned, in seconds."""
    model, tokenizer = loaded("qwen3").model, loaded("qwen3").tokenizer
    train_set, heldout = (
        encode(examples(count, seed=seed), tokenizer, max_length=miniature.WINDOW)
        for count, seed in ((96, 31), (32, 32))
    )
    pad = padding_id(tokenizer)
    before = task_loss(model, heldout, pad)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    after = fine_tuned_loss(model, train_set, heldout, pad)
    assert after < 0.6 * before
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), "the model given must be kept as it was"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_tokenizer_is_the_recipe_s(name: str) -> None:
    trained = train_tokenizer(
        passages(8000, TRAIN_SEED), vocab_size=miniature.VOCABULARY, window=miniature.WINDOW
    )
    tokenizer = loaded(name).tokenizer
    assert tokenizer.get_vocab() == trained.get_vocab()
    for example in examples(50, seed=9):
        text = example.prompt + example.completion
        assert tokenizer(text)["input_ids"] == trained(text)["input_ids"]
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_drawn_example_fits_the_window(name: str) -> None:
    # encode raises on the first that does not.
    assert len(encode(examples(1500, seed=8), loaded(name).tokenizer, max_length=miniature.WINDOW))


def test_the_loss_curve_falls() -> None:
    for name in CHECKPOINTS:
        curve = [loss for _, loss in record(name)["curve"]]
        assert curve[-1] < curve[len(curve) // 2] < curve[0]
        assert record(name)["schedule"]["steps"] == record(name)["curve"][-1][0]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_recipe_runs_and_repeats(name: str, tmp_path: Path) -> None:
    schedule = Schedule(steps=4, batch_size=2, warmup=2)
    first, second = (
        train(
            name,
            tmp_path / str(run),
            schedule=schedule,
            task_examples=16,
            heldout_passages=20,
            heldout_examples=16,
        )
        for run in (1, 2)
    )
    for key in ("heldout_text_loss", "heldout_task_loss", "curve", "tokens"):
        assert first[key] == second[key]
    assert first["heldout_text_loss"]["after"] < first["heldout_text_loss"]["before"]
    again = load_checkpoint(tmp_path / "1")
    assert again.digest == load_checkpoint(tmp_path / "2").digest
    assert json.loads((tmp_path / "1" / "training.json").read_text())["versions"]


def test_the_schedule_warms_up_and_decays() -> None:
    schedule = Schedule(steps=100, warmup=10, learning_rate=1.0)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(0.98, abs=0.02)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


def test_unknown_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no embedded checkpoint 'bert'; there are gpt2, qwen3"):
        checkpoint_folder("bert")
    with pytest.raises(InputError, match="unknown demo architecture 'bert'"):
        miniature.build("bert", seed=0)
    monkeypatch.setattr(embedded, "FOLDER", tmp_path)
    with pytest.raises(InputError, match="is missing; install the package again"):
        checkpoint_folder("gpt2")

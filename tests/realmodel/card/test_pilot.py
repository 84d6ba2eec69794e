"""A pilot: what two short runs say of the level, and when they refuse."""

from dataclasses import replace
from pathlib import Path

import pytest

from realmodel.card import CardOptions, LayerCard, measure_card
from realmodel.datasets import read_examples
from realmodel.model.checkpoint import load_checkpoint
from tests.realmodel.handmade_card import save_task

OPTIONS = CardOptions(
    rank=2, steps=12, learning_rate=3e-3, train_batch_size=4, calibrate=False, pilot=True
)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_task(tmp_path_factory.mktemp("task") / "task.jsonl", count=80)


@pytest.fixture(scope="module")
def piloted(gpt2_folder: Path, task: Path) -> LayerCard:
    return measure_card(load_checkpoint(gpt2_folder), read_examples(task), OPTIONS)


def test_a_card_with_a_pilot_is_read_again(piloted: LayerCard, tmp_path: Path) -> None:
    piloted.save(tmp_path / "card.json")
    again = LayerCard.load(tmp_path / "card.json")
    assert again.to_json() == piloted.to_json()
    assert again.pilot == piloted.pilot
    print(piloted.pilot)


def test_overshoot(gpt2_folder: Path, task: Path) -> None:
    for lr in (1e-2, 1e-1, 1, 10):
        options = replace(OPTIONS, learning_rate=lr)
        card = measure_card(load_checkpoint(gpt2_folder), read_examples(task), options)
        print(lr, card.pilot, card.pilot.refusal)

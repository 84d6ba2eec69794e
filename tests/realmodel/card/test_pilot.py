"""A pilot: what two short runs say of the level, and when they refuse."""

from dataclasses import replace
from pathlib import Path

import pytest

from realmodel import report
from realmodel.card import CardOptions, LayerCard, measure_card
from realmodel.card.pilot import Pilot, PilotRun
from realmodel.datasets import read_examples
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.placement import place
from tests.realmodel.handmade_card import save_task
from theory import InputError

OPTIONS = CardOptions(
    rank=2, steps=12, learning_rate=3e-3, train_batch_size=4, calibrate=False, pilot=True
)
RUN = FinetuneOptions(steps=12)


def pilot_of(whole: float, chosen: float, *, error: float = 0.01) -> Pilot:
    """Of four layers, of which two are recommended; the model promises 0.5 and 1."""
    everything = PilotRun((0, 1, 2, 3), 1.0, whole, error)
    return Pilot(RUN, 64, 16, 3.0, everything, PilotRun((1, 2), 0.5, chosen, error))


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
    from rich.console import Console
    Console().print(report.verdict_text(report.verdict(piloted)))

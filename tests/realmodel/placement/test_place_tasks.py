"""One placement for several cards against every set, and cards that do not belong together."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from realmodel import report
from realmodel.card import LayerCard
from realmodel.cli import app
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.placement import place_tasks
from theory import InputError

LAYERS = 6


@pytest.fixture(scope="module")
def cards(make_card: Callable[..., LayerCard]) -> list[LayerCard]:
    drawn = [make_card(seed=seed, layers=LAYERS) for seed in (1, 2, 3)]
    return [
        replace(card, data=dict(card.data) | {"source": f"task {at}.jsonl"})
        for at, card in enumerate(drawn)
    ]


@pytest.mark.parametrize("combine", ["worst", "mean"])
@pytest.mark.parametrize(
    ("objective", "budget", "most"), [("gain", "2", 2), ("parameters", "50%", 3)]
)
def test_the_best_of_all_sets(
    cards: list[LayerCard], combine: Any, objective: str, budget: str, most: int
) -> None:
    combined = {"worst": np.min, "mean": np.mean}[combine]

    def shares(layers: tuple[int, ...]) -> list[float]:
        return [card.quadratic.gain(layers) / card.quadratic.gain() for card in cards]

    sets = [s for n in range(1, most + 1) for s in combinations(range(LAYERS), n)]
    found = place_tasks(cards, objective=objective, budget=budget, combine=combine)
    assert found.placement.gain == pytest.approx(max(combined(shares(s)) for s in sets))
    assert found.gap == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose([task.share for task in found.tasks], shares(found.layers))
    assert [task.source for task in found.tasks] == ["task 0.jsonl", "task 1.jsonl", "task 2.jsonl"]
    for card, task in zip(cards, found.tasks, strict=True):
        assert task.gain_error == card.predictor().gain_error(found.layers)


def test_the_words(cards: list[LayerCard]) -> None:
    worst = report.tasks_verdict(place_tasks(cards, budget="2"))
    assert worst.headline.endswith("of the gain of all layers or more on every task.")
    assert "larger worst share" in dict(worst.rows)["certified"]
    mean = report.tasks_verdict(place_tasks(cards, budget="2", combine="mean"))
    assert mean.headline.endswith("of the gain of all layers on average.")


def test_cards_that_do_not_belong_together(cards: list[LayerCard]) -> None:
    one, two = cards[:2]
    other = replace(two, model=dict(two.model) | {"digest": "sha256:9"})
    run = FinetuneOptions()
    for pair, message in (
        ([one], "1 cards: one placement for several tasks needs two"),
        ([one, other], r"card 1 is of 'example/gpt2-tiny' \(sha256:0\), card 2 of .*sha256:9"),
        ([one, replace(two, protocol=run)], "only one of cards 1 and 2 says"),
        (
            [replace(one, protocol=run), replace(two, protocol=replace(run, steps=40))],
            r"plan different runs \(steps 40, not 100\)",
        ),
    ):
        with pytest.raises(InputError, match=message):
            place_tasks(pair)
    for objective, message in (("time", "is each task's own"), ("joy", "is unknown")):
        with pytest.raises(InputError, match=message):
            place_tasks(cards, objective=objective, budget="50%")


def test_other_modules_are_refused(make_card: Callable[..., LayerCard]) -> None:
    with pytest.raises(InputError, match=r"other modules \(12 in 6 layers, 10 in 5\)"):
        place_tasks([make_card(layers=6), make_card(layers=5)])


def test_from_the_command_line(cards: list[LayerCard], tmp_path: Path) -> None:
    paths = [str(card.save(tmp_path / f"{at}" / "card.json")) for at, card in enumerate(cards)]
    done = CliRunner().invoke(app, ["place", *paths, "--budget", "2", "--json"])
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["placement"]["layers"] == list(place_tasks(cards, budget="2").layers)
    assert len(record["tasks"]) == 3
    refused = CliRunner().invoke(app, ["place", *paths, "--shape", "suffix"])
    assert refused.exit_code == 2
    assert "--shape has no meaning with several cards" in refused.output

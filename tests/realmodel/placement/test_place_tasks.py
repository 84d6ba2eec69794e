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
from theory import CostModel, InputError

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


@pytest.mark.parametrize("combine", ["worst", "mean"])
@pytest.mark.parametrize("budget", ["75%", "85%", "95%"])
@pytest.mark.parametrize("alike", [True, False], ids=["one cost", "three costs"])
def test_a_cost_that_is_each_tasks_own(
    cards: list[LayerCard], combine: Any, budget: str, alike: bool
) -> None:
    """The layers keep within it on every task, and the bound is of all that do."""
    rng = np.random.default_rng(0)
    priced = cards
    if not alike:
        priced = [
            replace(
                card,
                costs=replace(
                    card.costs,
                    memory=CostModel(tuple(rng.uniform(1, 4, LAYERS)), *rng.uniform(0, 3, 2)),
                ),
            )
            for card in cards
        ]
    limit = float(budget.rstrip("%")) / 100

    def fits(layers: tuple[int, ...]) -> bool:
        return all(
            card.costs.memory.of(layers) <= limit * card.costs.everything("memory") * (1 + 1e-9)
            for card in priced
        )

    combined = {"worst": np.min, "mean": np.mean}[combine]
    best = max(
        combined([card.quadratic.gain(s) / card.quadratic.gain() for card in cards])
        for n in range(1, LAYERS + 1)
        for s in combinations(range(LAYERS), n)
        if fits(s)
    )
    found = place_tasks(priced, objective="memory", budget=budget, combine=combine)
    assert fits(found.layers)
    assert found.placement.gain <= best * (1 + 1e-9)
    assert found.share_at_most >= best * (1 - 1e-9)
    assert found.placement.gain >= (1 - found.gap) * best * (1 - 1e-9)
    if alike:
        assert found.placement.gain == pytest.approx(best)
    for card, task in zip(priced, found.tasks, strict=True):
        assert task.costs == card.costs.record(found.layers)
        assert task.costs["memory_share"] <= limit * (1 + 1e-9)


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
    counted = replace(two, costs=replace(two.costs, calibrated=False))
    again = replace(two, costs=replace(two.costs, gradient_checkpointing="reentrant"))
    for pair, budget, message in (
        ([one, counted], "50%", "cannot share a budget: unit 'seconds per step' and 'operations"),
        ([one, again], "50%", "checkpointing 'none' and 'reentrant'"),
        ([one, two], "1%", "budget '1%' admits no layer on every task: the cheapest takes"),
    ):
        with pytest.raises(InputError, match=message):
            place_tasks(pair, objective="time", budget=budget)
    with pytest.raises(InputError, match="unknown objective 'joy'"):
        place_tasks(cards, objective="joy", budget="50%")
    with pytest.raises(InputError, match="serving cannot choose layers here: merged"):
        place_tasks(cards, objective="serving", budget="50%", engine="merged")


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

"""A pilot: what two short runs say of the level, and when they refuse."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from realmodel import report
from realmodel.card import CardOptions, LayerCard, measure_card
from realmodel.card.consistency import contradictions
from realmodel.card.pilot import NORMAL_80, SHORTER, SPREAD, Pilot, PilotRun
from realmodel.card.pilot_runs import held_out, make_pilot, pilot_protocol, pilot_wanted
from realmodel.cli import app
from realmodel.datasets import read_examples
from realmodel.finetuning import finetune
from realmodel.model.batches import EncodedExample, encode
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import find_modules
from realmodel.placement import place
from realmodel.placement.saved_placement import SavedPlacement
from tests.realmodel.handmade_card import save_task
from theory import InputError

OPTIONS = CardOptions(
    protocol=FinetuneOptions(rank=2, alpha=4.0, steps=6, learning_rate=3e-3, batch_size=4),
    calibrate=False,
    pilot=True,
)
RUN = FinetuneOptions(steps=12)


def pilot_of(whole: float, chosen: float, *, error: float = 0.01) -> Pilot:
    """Of four layers, of which two are recommended; the model promises 1 and 0.5."""
    everything = PilotRun((0, 1, 2, 3), 1.0, whole, error)
    return Pilot(RUN, 12, 64, 16, 3.0, everything, PilotRun((1, 2), 0.5, chosen, error))


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_task(tmp_path_factory.mktemp("task") / "task.jsonl", count=80)


@pytest.fixture(scope="module")
def piloted(gpt2_folder: Path, task: Path) -> LayerCard:
    return measure_card(load_checkpoint(gpt2_folder), read_examples(task), OPTIONS)


@pytest.fixture(scope="module")
def refusing(piloted: LayerCard) -> LayerCard:
    assert piloted.pilot is not None
    return replace(
        piloted,
        pilot=replace(piloted.pilot, whole=replace(piloted.pilot.whole, gain=-1.0)),
    )


def test_a_pilot_gains_what_training_gains(
    piloted: LayerCard, gpt2_folder: Path, task: Path
) -> None:
    checkpoint, pilot = load_checkpoint(gpt2_folder), piloted.pilot
    assert pilot is not None
    encoded = encode(read_examples(task), checkpoint.tokenizer, max_length=32)
    training, heldout = held_out(encoded, seed=0)
    assert (len(training), len(heldout)) == (pilot.training, pilot.heldout)
    modules = find_modules(checkpoint.model).modules
    ran = finetune(checkpoint, training, heldout, modules, pilot.protocol)
    assert pilot.loss == pytest.approx(ran.loss_before, rel=1e-6)
    assert pilot.whole.gain == pytest.approx(ran.gain, rel=1e-4)
    assert pilot.whole.layers == piloted.indices
    assert pilot.whole.promised == pytest.approx(piloted.quadratic.gain(), rel=1e-12)


def test_the_model_is_left_as_it_was(piloted: LayerCard, gpt2_folder: Path, task: Path) -> None:
    checkpoint = load_checkpoint(gpt2_folder)
    before = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
    encoded = encode(read_examples(task), checkpoint.tokenizer, max_length=32)
    table = find_modules(checkpoint.model)
    assert piloted.tangent is not None
    make_pilot(checkpoint, encoded, table, piloted.tangent, replace(RUN, rank=2, steps=1))
    after = checkpoint.model.state_dict()
    assert before.keys() == after.keys()
    assert all(bool((after[name] == value).all()) for name, value in before.items())


def test_a_card_with_a_pilot_is_read_again(piloted: LayerCard, tmp_path: Path) -> None:
    piloted.save(tmp_path / "card.json")
    again = LayerCard.load(tmp_path / "card.json")
    assert again.to_json() == piloted.to_json()
    assert not again.edited
    assert again.pilot == piloted.pilot
    record = json.loads(piloted.to_json())
    del record["pilot"], record["digest"]
    assert LayerCard.from_dict(record).pilot is None


def test_forecasts_pass_the_pilots_own_runs(piloted: LayerCard) -> None:
    pilot = piloted.pilot
    assert pilot is not None
    assert pilot.refusal is None
    choice = place(piloted, objective="gain", budget="3")
    assert choice.whole.forecast is not None
    assert choice.best.forecast is not None
    assert choice.whole.forecast.gain == pytest.approx(pilot.whole.gain)
    wanted = min(pilot.chosen.gain, 0.98 * pilot.whole.gain)
    line = pilot.whole.gain * pilot.chosen.promised / pilot.whole.promised
    assert choice.best.forecast.gain == pytest.approx(max(wanted, line))
    calibrated, plain = (
        dict(report.verdict(card).rows)["gain"] for card in (piloted, replace(piloted, pilot=None))
    )
    assert calibrated.endswith("its level calibrated by a pilot of 6 steps")
    assert plain.endswith("its level not calibrated by a pilot: mostly too low for few layers")


def test_a_forecast_changes_no_choice(piloted: LayerCard) -> None:
    plain = replace(piloted, pilot=None)
    for objective, budget in (("gain", "2"), ("memory", "70%")):
        ours, theirs = (
            place(card, objective=objective, budget=budget) for card in (piloted, plain)
        )
        assert ours.best.layers == theirs.best.layers
        assert [p.layers for p in ours.front] == [p.layers for p in theirs.front]
        assert [p.gain for p in ours.front] == [p.gain for p in theirs.front]
        forecasts = [point.forecast.gain for point in ours.front if point.forecast is not None]
        assert len(forecasts) == len(ours.front)
        gains = np.array([point.gain for point in ours.front])
        assert (np.argsort(forecasts) == np.argsort(gains)).all()
        assert all(point.forecast is None for point in theirs.front)


def test_the_interval_joins_three_errors() -> None:
    pilot = pilot_of(1.0, 0.8, error=0.03)
    found = pilot.forecast(0.5, 0.05)
    assert found is not None
    assert pilot.saturation is not None
    steep = pilot.saturation.gain(0.55) / pilot.saturation.gain(0.5) - 1
    spread = NORMAL_80 * np.sqrt(SPREAD**2 + 0.03**2 + steep**2)
    assert np.log(found.high / found.gain) == pytest.approx(spread)
    assert np.log(found.gain / found.low) == pytest.approx(spread)
    assert pilot.forecast(0.0, 0.05).gain == 0.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("whole", "chosen", "error", "told"),
    [
        (0.4, 0.8, 0.01, "more layers gain less"),
        (-0.4, 0.8, 0.01, "more layers gain less"),
        (-2.0, -1.0, 0.1, "or there is nothing to learn"),
        (0.01, 0.01, 0.01, "or there is nothing to learn"),
        (0.4, 0.8, 0.2, None),  # within chance
        (0.19, 0.19, 0.01, "a useful step promises 0.5"),
        (0.21, 0.21, 0.01, None),
        (0.75, 0.8, 0.001, None),  # within a tenth
        (1.0, 0.8, 0.01, None),
        (-0.04, 0.8, 0.3, "or there is nothing to learn"),
    ],
)
def test_when_a_pilot_refuses(whole: float, chosen: float, error: float, told: str | None) -> None:
    pilot = pilot_of(whole, chosen, error=error)
    if told is None:
        assert pilot.refusal is None
        assert pilot.forecast(0.5) is not None
        return
    assert pilot.refusal is not None
    assert told in pilot.refusal
    assert "12 steps" in pilot.refusal
    assert "0.001" in pilot.refusal
    assert pilot.forecast(0.5) is None
    assert pilot.saturation is None


def test_a_refusing_card_ranks_nothing_unless_forced(refusing: LayerCard, tmp_path: Path) -> None:
    assert refusing.refusal is not None
    with pytest.raises(InputError, match=r"ranks no layers: .* more layers gain less"):
        place(refusing, objective="gain", budget="2")
    forced = place(refusing, objective="gain", budget="2", force=True)
    assert forced.best.forecast is None
    assert any("refuses to rank" in warning for warning in forced.warnings)
    found = report.verdict(refusing)
    assert found.layers == ()
    assert found.headline.startswith("No ranking")
    assert "refuses to rank" in report.markdown(refusing)
    for page in report.write_card(refusing, tmp_path):
        assert page.exists()
    shown = (tmp_path / "card.html").read_text()
    assert f'<h2 id="verdict-title">{found.headline}</h2>' in shown
    assert 'aria-labelledby="against-title" hidden>' in shown
    assert "for study, not for a choice" in shown
    assert 'data-copy="peft"' not in shown  # nothing to paste into a trainer
    assert "Adapt layer" not in shown
    path = str(tmp_path / "card.json")
    done = CliRunner().invoke(app, ["place", path, "--budget", "2"])
    assert done.exit_code == 2
    assert CliRunner().invoke(app, ["place", path, "--budget", "2", "--force"]).exit_code == 0


def test_a_run_that_overshoots_is_found_by_training(gpt2_folder: Path, task: Path) -> None:
    options = replace(OPTIONS, protocol=replace(OPTIONS.protocol, learning_rate=30.0))
    card = measure_card(load_checkpoint(gpt2_folder), read_examples(task), options)
    assert card.refusal is not None
    assert "learning rate 30 overshoots" in card.refusal


def test_few_or_equal_prompts_make_no_pilot(gpt2_folder: Path, task: Path) -> None:
    rows = [EncodedExample((1, place, 7), (-100, -100, 7), "") for place in range(70)]
    training, heldout = held_out(rows, seed=0)
    assert len(heldout) == 14
    assert not set(training) & set(heldout)
    same = [EncodedExample((1, 2, 7), (-100, -100, 7), "")] * 70
    for few, told in ((rows[:63], "too few for a pilot"), (same, "1 distinct prompts")):
        with pytest.raises(InputError, match=told):
            held_out(few, seed=0)
        assert not pilot_wanted(replace(OPTIONS, pilot=None), few)
        assert pilot_wanted(OPTIONS, few)
    assert pilot_wanted(replace(OPTIONS, pilot=None), rows)
    assert not pilot_wanted(replace(OPTIONS, pilot=False), rows)


def test_a_model_that_cannot_be_adapted_has_a_card_all_the_same(
    gpt2_folder: Path, task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise InputError("cannot adapt")

    monkeypatch.setattr("realmodel.card.build.make_pilot", refuse)
    examples = read_examples(task)
    card = measure_card(load_checkpoint(gpt2_folder), examples, replace(OPTIONS, pilot=None))
    assert card.pilot is None
    with pytest.raises(InputError, match="cannot adapt"):
        measure_card(load_checkpoint(gpt2_folder), examples, OPTIONS)
    with pytest.raises(InputError, match="too few for a pilot"):
        measure_card(load_checkpoint(gpt2_folder), examples[:20], OPTIONS)


def test_a_long_run_has_a_shorter_pilot_and_a_wider_interval() -> None:
    assert pilot_protocol(FinetuneOptions(steps=1000), 800).steps == 100
    assert pilot_protocol(FinetuneOptions(steps=5), 800) == FinetuneOptions(steps=5)
    same = pilot_of(1.0, 0.8, error=0.0)
    shorter = replace(same, planned_steps=36)
    whole, third = same.forecast(0.5), shorter.forecast(0.5)
    assert whole is not None
    assert third is not None
    assert third.gain == whole.gain
    spread = NORMAL_80 * np.hypot(SPREAD, SHORTER * np.log(3))
    assert np.log(third.high / third.gain) == pytest.approx(spread)
    assert "12 of its 36 steps" in shorter.title


def _changed(record: dict[str, Any], change: str) -> None:
    pilot = record["pilot"]
    if change == "rank":
        pilot["protocol"]["rank"] = 5
    if change == "longer":
        pilot["protocol"]["steps"] = 1000
    if change == "layers":
        pilot["runs"][0]["layers"] = [0, 1]
    if change == "foreign":
        pilot["runs"][1]["layers"] = [0, 77]
    if change == "unplanned":
        record["protocol"] = None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("rank", "pilot/protocol/rank is 5, of protocol 2"),
        ("longer", "pilot has 1000 of 6 steps"),
        ("layers", "the first is of layers"),
        ("foreign", "pilot/runs name layers"),
        ("unplanned", "a pilot of no planned run"),
    ],
)
def test_a_pilot_of_another_card_is_noticed(piloted: LayerCard, change: str, told: str) -> None:
    record = json.loads(piloted.to_json())
    assert list(contradictions(record)) == []
    _changed(record, change)
    assert any(told in clause for clause in contradictions(record))


def test_a_placement_carries_the_calibrated_gain(piloted: LayerCard, tmp_path: Path) -> None:
    piloted.save(tmp_path / "card.json")
    out = tmp_path / "place"
    command = ["place", str(tmp_path / "card.json"), "--budget", "2", "--output-dir", str(out)]
    assert CliRunner().invoke(app, command).exit_code == 0
    choice = place(piloted, objective="gain", budget="2")
    assert choice.best.forecast is not None
    saved = SavedPlacement.load(out / "placement.json")
    assert saved.predicted_gain == pytest.approx(choice.best.forecast.gain)

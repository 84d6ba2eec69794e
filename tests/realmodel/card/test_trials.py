"""Runs of single layers: what they correct, and what the corrected model promises."""

import io
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from realmodel import report
from realmodel.card import CardOptions, LayerCard, measure_card
from realmodel.card.consistency import contradictions
from realmodel.card.pilot import PilotRun
from realmodel.card.pilot_runs import held_out
from realmodel.card.predictor import Predictor
from realmodel.card.saturation import CLOSEST
from realmodel.card.trials import COUPLED, LEAST, Trials, trial_layers
from realmodel.cli import app
from realmodel.datasets import read_examples
from realmodel.finetuning import finetune, target_modules
from realmodel.measure.replicates import Replicates
from realmodel.model.batches import encode
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import find_modules
from realmodel.placement import place, place_tasks
from realmodel.placement.saved_placement import SavedPlacement
from realmodel.report.level import share
from realmodel.runs.numbers import number
from tests.realmodel.handmade_card import save_task
from theory import BlockQuadratic, InputError

LAYERS = (3, 4, 5, 6, 7)
ALIKE = 0.8 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))


def tangent(gains: Any) -> Predictor:
    return Predictor("tangent", BlockQuadratic(np.sqrt(2 * np.array(gains)), np.eye(5), (1,) * 5))


def trials_of(gains: Any, tried: dict[int, float], whole: float, alignment: Any = ALIKE) -> Trials:
    runs = tuple(PilotRun((layer,), 1.0, gain, 0.01) for layer, gain in tried.items())
    return Trials(runs, PilotRun(LAYERS, 1.0, whole, 0.01), tangent(gains), alignment)


def forecast(trials: Trials, positions: tuple[int, ...]) -> float:
    return trials.saturation.gain(trials.predictor.quadratic.gain(positions))


GAINS = st.lists(st.floats(0.05, 5.0), min_size=5, max_size=5)


@pytest.mark.parametrize("whole", [-1.0, 0.0, 1e-320])
def test_nothing_saturates_where_all_layers_gain_nothing(whole: float) -> None:
    assert np.isinf(trials_of([1.0] * 5, {3: 0.1, 7: 0.2}, whole).saturation.ceiling)


@given(GAINS, st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_the_forecast_passes_its_own_runs_and_all_layers(
    gains: list[float], first: float, last: float
) -> None:
    own = trials_of(gains, {3: first, 7: last}, 1.0)
    assert forecast(own, (0,)) == pytest.approx(first, rel=1e-9)
    assert forecast(own, (4,)) == pytest.approx(last, rel=1e-9)
    total = forecast(own, (0, 1, 2, 3, 4))
    # Short of it only where nothing saturates, and layers add up to less than they gained.
    assert total == pytest.approx(1.0, rel=1e-9) or np.isinf(own.saturation.ceiling)
    assert total <= 1 + 1e-9
    for few in combinations(range(5), 2):
        assert forecast(own, few) <= total + 1e-9


def test_between_tried_layers_the_correction_is_that_of_the_neighbours() -> None:
    own = trials_of([1.0, 2.0, 1.0, 2.0, 1.0], {3: 0.5, 7: 0.5}, 0.8)
    alone = [forecast(own, (at,)) for at in range(5)]
    assert alone[0] == pytest.approx(alone[2]) == pytest.approx(alone[4])
    assert alone[1] == pytest.approx(alone[3])
    assert alone[1] > alone[0]
    # A layer of which the model expects twice as much has twice the gain, before it saturates.
    singles = own.predictor.single_gains()
    assert singles[1][0] == pytest.approx(2 * singles[0][0])


def test_layers_that_are_alike_gain_less_together() -> None:
    own = trials_of([1.0] * 5, {3: 0.5, 7: 0.5}, 0.8)
    near, far = forecast(own, (0, 1)), forecast(own, (0, 4))
    assert near < far
    apart = trials_of([1.0] * 5, {3: 0.5, 7: 0.5}, 0.8, np.eye(5))
    assert forecast(apart, (0, 1)) == pytest.approx(forecast(apart, (0, 4)))
    H = own.predictor.quadratic.curvature
    assert np.allclose(H, np.eye(5) + COUPLED * (ALIKE - np.eye(5)))


def test_without_saturation_nothing_is_made_up() -> None:
    """All layers gain more than their sum: no ceiling explains that."""
    own = trials_of([1.0] * 5, {3: 0.1, 7: 0.1}, 0.9, np.eye(5))
    assert np.isinf(own.saturation.ceiling)
    assert forecast(own, (0, 1, 2, 3, 4)) == pytest.approx(0.5)


def test_runs_that_lost_or_beat_all_layers_are_clipped() -> None:
    own = trials_of([1.0, 1.0, 1.0, 1.0, 0.0], {3: -0.5, 5: 2.0, 7: 0.4}, 1.0)
    assert forecast(own, (0,)) == pytest.approx(LEAST)
    assert forecast(own, (2,)) == pytest.approx(CLOSEST)
    assert forecast(own, (4,)) == pytest.approx(0.4)
    assert np.isfinite([forecast(own, (at,)) for at in range(5)]).all()


def test_the_sampling_error_is_the_tangent_models() -> None:
    own = trials_of([1.0] * 5, {3: 0.5, 7: 0.5}, 0.8)
    base = own.tangent.quadratic
    scales = np.array([0.9, 1.0, 1.1])
    left = Replicates(np.outer(scales, base.gradient), np.stack([base.curvature] * 3), base.sizes)
    noisy = replace(own, tangent=replace(own.tangent, replicates=left))
    assert own.predictor.gain_error((0,)) is None
    promised = noisy.predictor.quadratic.gain((0,))
    # Gains go with the square of the gradient.
    gains = promised * scales**2
    expected = np.sqrt(2 / 3 * ((gains - gains.mean()) ** 2).sum())
    assert noisy.predictor.gain_error((0,)) == pytest.approx(expected)


@given(st.integers(2, 60), st.integers(2, 12))
def test_tried_layers_are_spread(layers: int, count: int) -> None:
    tried = trial_layers(range(layers), count)
    assert len(tried) == len(set(tried)) == min(layers, count)
    gaps = np.diff([-1 - tried[0], *tried, 2 * layers - 1 - tried[-1]])
    assert gaps.max() - gaps.min() <= 2


OPTIONS = CardOptions(
    protocol=FinetuneOptions(rank=2, alpha=4.0, steps=6, learning_rate=3e-3, batch_size=4),
    calibrate=False,
    trials=2,
)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_task(tmp_path_factory.mktemp("task") / "task.jsonl", count=80)


@pytest.fixture(scope="module")
def tried(gpt2_folder: Path, task: Path) -> LayerCard:
    return measure_card(load_checkpoint(gpt2_folder), read_examples(task), OPTIONS)


def test_a_trial_gains_what_training_gains(tried: LayerCard, gpt2_folder: Path, task: Path) -> None:
    checkpoint, trials, pilot = load_checkpoint(gpt2_folder), tried.trials, tried.pilot
    assert trials is not None
    assert pilot is not None
    encoded = encode(read_examples(task), checkpoint.tokenizer, max_length=32)
    training, heldout = held_out(encoded, seed=0)
    table = find_modules(checkpoint.model)
    run = trials.runs[1]
    modules = target_modules(table, layers=run.layers)
    ran = finetune(checkpoint, training, heldout, modules, pilot.protocol)
    assert run.gain == pytest.approx(ran.gain, rel=1e-4)
    assert trials.alignment.shape == (len(tried.layers),) * 2


def test_the_card_goes_by_its_trials_and_is_read_again(tried: LayerCard, tmp_path: Path) -> None:
    assert tried.refusal is None
    assert tried.predictor().name == "trials"
    assert tried.predictor("tangent").name == "tangent"
    tried.save(tmp_path / "card.json")
    again = LayerCard.load(tmp_path / "card.json")
    everything = tuple(range(len(tried.layers)))
    for card in (tried, again):
        choice = place(card, objective="gain", budget="2")
        assert choice.predictor == "trials"
        whole = card.forecast(card.predictor(), everything)
        assert whole is not None
        assert card.pilot is not None
        assert card.trials is not None
        # A random model's layers gain more together than their sum: nothing saturates.
        assert np.isinf(card.trials.saturation.ceiling)
        assert whole.gain < card.pilot.whole.gain
    first, second = (c.predictor().quadratic.gain((0,)) for c in (tried, again))
    assert first == second
    assert again.predictor().gain_error((0,)) == pytest.approx(
        tried.predictor().gain_error((0,)), rel=1e-9
    )
    assert list(contradictions(json.loads((tmp_path / "card.json").read_text()))) == []


def test_a_refusing_pilot_leaves_the_trials_aside(tried: LayerCard) -> None:
    assert tried.pilot is not None
    lost = replace(tried.pilot, whole=replace(tried.pilot.whole, gain=-1.0))
    refusing = replace(tried, pilot=lost)
    assert refusing.predictor().name == "tangent"
    with pytest.raises(InputError, match="no runs of single layers to go by"):
        refusing.predictor("trials")


@pytest.mark.parametrize("gain", [-1.0, 0.0])
def test_a_diverging_pilot_is_written_and_read_again(
    tried: LayerCard, tmp_path: Path, gain: float
) -> None:
    assert tried.pilot is not None
    assert tried.trials is not None
    whole = replace(tried.pilot.whole, gain=gain)
    pilot = replace(tried.pilot, whole=whole)
    card = replace(tried, pilot=pilot, trials=replace(tried.trials, whole=whole))
    assert card.refusal is not None
    card.save(tmp_path / "card.json")
    again = LayerCard.load(tmp_path / "card.json")
    assert again.trials is not None
    assert again.trials.runs == tried.trials.runs
    assert again.to_dict()["trials"]["ceiling"] is None


def saturating(card: LayerCard, *, trials: bool = True) -> LayerCard:
    """The same with runs of single layers that gain nearly what all layers gain."""
    assert card.trials is not None
    assert card.pilot is not None
    runs = tuple(replace(run, gain=0.9 * card.pilot.whole.gain) for run in card.trials.runs)
    return replace(card, trials=replace(card.trials, runs=runs) if trials else None)


def test_several_tasks_are_on_the_level_of_one(tried: LayerCard, tmp_path: Path) -> None:
    """A share of the gain of all layers is of what comes true, not of what has not saturated."""
    cards = [saturating(tried), replace(saturating(tried), data={**tried.data, "source": "other"})]
    shared = place_tasks(cards, budget="2")
    alone = place(cards[0], objective="gain", budget="2")
    assert shared.layers == alone.best.layers
    assert alone.best.forecast is not None
    assert alone.whole.forecast is not None
    for task in shared.tasks:
        assert task.forecast == alone.best.forecast
        assert task.whole_forecast == alone.whole.forecast
    expected = alone.best.forecast.gain / alone.whole.forecast.gain
    assert shared.expected_share == pytest.approx(expected)
    assert shared.expected_share > 1.05 * shared.placement.gain
    words = report.tasks_verdict(shared).headline, report.verdict(cards[0], alone).headline
    assert all(f"for {expected:.0%} of the gain" in told for told in words)
    record = shared.to_dict()
    assert record["placement"]["forecast"] == alone.best.forecast.to_dict()
    assert json.loads(json.dumps(record)) == record


def test_several_tasks_are_by_the_model_that_all_cards_have(tried: LayerCard) -> None:
    cards = [saturating(tried), saturating(tried, trials=False)]
    for pair in (cards, cards[::-1]):
        shared = place_tasks(pair, budget="2")
        assert shared.predictor == "tangent"
        assert shared.tasks[0].share == pytest.approx(shared.tasks[1].share)
        with pytest.raises(InputError, match="no runs of single layers to go by"):
            place_tasks(pair, budget="2", predictor="trials")


def test_finetune_compares_modules_with_all_layers_on_one_level(
    tried: LayerCard, tmp_path: Path
) -> None:
    tried.save(tmp_path / "card.json")
    last = str(tried.layers[-1].layer)
    for more in ((), ("--layers", last)):
        out = tmp_path / f"place{len(more)}"
        arguments = ["place", str(tmp_path / "card.json"), "--unit", "module", "--budget", "2"]
        done = CliRunner().invoke(app, [*arguments, *more, "--output-dir", str(out)])
        assert done.exit_code == 0, done.output
        saved = SavedPlacement.load(out / "placement.json")
        assert tried.pilot is not None
        assert saved.whole_gain == pytest.approx(tried.pilot.whole.gain)
        assert saved.whole_gain is not None
        told = f"for {share(saved.predicted_gain, saved.whole_gain)} of the gain of all of them"
        assert told in " ".join(done.output.split())


def test_the_table_says_that_gains_saturate(tried: LayerCard) -> None:
    card = saturating(tried)
    console = Console(width=200, file=io.StringIO())
    console.print(report.table(card, width=200))
    told = " ".join(console.file.getvalue().split())
    assert card.pilot is not None
    assert f"all layers together gain {number(card.pilot.whole.gain)}" in told


def test_a_placement_by_trials_is_of_the_planned_run(tried: LayerCard, tmp_path: Path) -> None:
    tried.save(tmp_path / "card.json")
    out = tmp_path / "place"
    command = ["place", str(tmp_path / "card.json"), "--budget", "2", "--output-dir", str(out)]
    assert CliRunner().invoke(app, command).exit_code == 0
    saved = SavedPlacement.load(out / "placement.json")
    choice = place(tried, objective="gain", budget="2")
    assert choice.best.forecast is not None
    assert tried.protocol is not None
    assert saved.predicted_gain == pytest.approx(choice.best.forecast.gain)
    assert saved.not_comparable(tried.protocol, tried.model["digest"]) is None


def test_a_card_without_trials_says_so(tried: LayerCard) -> None:
    with pytest.raises(InputError, match="measure the card with trials"):
        place(replace(tried, trials=None), objective="gain", budget="2", predictor="trials")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r["trials"]["alignment"].pop(), "is not of"),
        (lambda r: r["trials"]["alignment"][0].__setitem__(1, 0.123), "not symmetric"),
        (lambda r: r["trials"]["runs"].reverse(), "not of listed ones in their order"),
        (lambda r: r["trials"]["runs"][0].__setitem__("layers", [99]), "not of listed ones"),
        (lambda r: r.__setitem__("pilot", None), "without a pilot"),
    ],
)
def test_trials_of_another_card_are_noticed(tried: LayerCard, change: Any, told: str) -> None:
    record = json.loads(tried.to_json())
    change(record)
    assert any(told in clause for clause in contradictions(record))


@pytest.mark.parametrize(("count", "told"), [(-1, "at least 0, not -1"), (1, "at least 2, got 1")])
def test_one_trial_is_none(count: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        CardOptions(trials=count)


def test_counts_are_of_pythons_kind() -> None:
    options = CardOptions(trials=np.int64(4), packing=np.int32(64))
    assert json.loads(json.dumps(options.to_dict()))["trials"] == 4
    assert options.to_dict()["packing"] == 64


def test_the_command_makes_trials(gpt2_folder: Path, task: Path, tmp_path: Path) -> None:
    common = ["card", "--model", str(gpt2_folder), "--data", str(task), "--steps", "4"]
    common += ["--rank", "2", "--output-dir", str(tmp_path / "out"), "--no-calibrate"]
    refused = CliRunner().invoke(app, [*common, "--trials", "2", "--no-pilot"])
    assert refused.exit_code == 2
    assert "--trials 2 needs the pilot" in refused.output
    assert not (tmp_path / "out").exists()
    made = CliRunner().invoke(app, [*common, "--trials", "2"])
    assert made.exit_code == 0, made.output
    card = LayerCard.load(tmp_path / "out/card.json")
    assert card.trials is not None
    assert len(card.trials.runs) == 2
    assert "without a limit" not in made.output
    page = (tmp_path / "out/card.html").read_text()
    assert "runs of single layers" in page

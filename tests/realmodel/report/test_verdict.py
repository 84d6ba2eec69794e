"""What the reader is told first: the decision, how sure it is, and for which run."""

import io
import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from realmodel import report
from realmodel.card import LayerCard
from realmodel.placement import place
from realmodel.report.notes import notes
from theory import BlockQuadratic


@pytest.fixture(scope="module")
def card(make_card: Callable[..., LayerCard]) -> LayerCard:
    return make_card(seed=2, layers=8)


def printed(*parts: object, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    for part in parts:
        console.print(part)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_it_says_layers_cost_confidence_and_validity(card: LayerCard) -> None:
    found = report.verdict(card)
    assert found.layers == card.certificate.layers
    assert report.verdict(card).headline.startswith("Adapt layers ")
    words = [word for word, _ in found.rows]
    for word in ("gain", "cost", "certified", "runner-up", "dropping", "adding", "valid for"):
        assert word in words
    assert "clear" in words or "ties" in words
    assert "best possible placement in this model" in dict(found.rows)["certified"]


def test_every_chosen_layer_is_clear_or_tied(card: LayerCard) -> None:
    choice = place(card, objective="gain", budget="4")
    rows = dict(report.verdict(card, choice).rows)
    for swap in choice.exchanges:
        told = rows["clear"] if swap.leads else rows["ties"]
        assert str(swap.out) in told


def boastful(card: LayerCard) -> LayerCard:
    assert card.tangent is not None
    quadratic = card.tangent.quadratic
    grown = BlockQuadratic(30 * quadratic.gradient, quadratic.curvature, quadratic.sizes)
    return replace(card, tangent=replace(card.tangent, quadratic=grown))


def test_no_gain_above_the_loss_is_a_headline(measured: LayerCard) -> None:
    card = boastful(measured)
    assert card.quadratic.gain() > card.data["loss"]
    found = report.verdict(card)
    assert "nats" not in found.headline
    assert "nats" not in dict(found.rows)["gain"]
    assert any("more than the whole loss" in warning for warning in found.warnings)
    assert '"forecast":false' in report.html(card)
    assert '"forecast":true' in report.html(measured)


def test_nothing_is_wider_than_the_terminal(card: LayerCard, measured: LayerCard) -> None:
    for one in (card, measured):
        text = printed(
            report.table(one, width=80, verbose=True), report.verdict_text(report.verdict(one))
        )
        assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_theory_is_said_on_request(card: LayerCard) -> None:
    assert "rho" not in printed(report.table(card))
    assert "rho" in printed(report.table(card, verbose=True))


def test_no_sentence_says_that_bounds_cannot_decide(card: LayerCard, measured: LayerCard) -> None:
    for one in (card, measured):
        text = " ".join(note.text for note in notes(one))
        assert "too wide" not in text
        assert "(extension, 10a, at any coupling)" in text
    assert "in the paper's sense" in " ".join(note.text for note in notes(measured))


def test_the_next_commands_can_be_pasted(card: LayerCard) -> None:
    odd = replace(card, data=dict(card.data) | {"source": "my data.jsonl"})
    lines = report.next_commands(odd, None, "out/my card/card.json", "out/place")
    assert all(len(line) <= 80 for line in lines.splitlines())
    words = shlex.split(lines.replace("\\\n", " "))
    assert words[:3] == ["layercard", "place", "out/my card/card.json"]
    assert "my data.jsonl" in words
    assert "out/place/placement.json" in words


def test_a_set_that_was_trained_says_so(card: LayerCard) -> None:
    row = {"layers": list(card.certificate.layers), "gain": 0.5}
    assert "not checked" in dict(report.verdict(card).rows)["training"]
    assert "gained 0.5" in dict(report.verdict(card.with_measured(row)).rows)["training"]


def test_the_next_commands_read_the_data_alike(card: LayerCard) -> None:
    reading = {"split": "train", "prompt_column": ["a b", "c"], "num_samples": 64}
    told = replace(card, data=dict(card.data) | {"reading": reading})
    last = report.next_commands(told, None, "card.json", "out/place").split("layercard ")[-1]
    words = shlex.split(last.replace("\\\n", " "))
    for word, value in (("--split", "train"), ("--num-samples", "64"), ("--prompt-column", "a b")):
        assert words[words.index(word) + 1] == value
    assert words.count("--prompt-column") == 2

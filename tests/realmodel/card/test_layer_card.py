"""The card's file: round trip, validation, and everything that can be wrong with it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator

from realmodel import report
from realmodel.card import LayerCard, Measures
from realmodel.card.schema import parse_card, schema
from realmodel.report.notes import notes
from theory import BlockQuadratic, InputError


def test_round_trip(card: LayerCard, tmp_path: Path) -> None:
    path = card.save(tmp_path / "new" / "card.json")
    again = LayerCard.load(path)
    assert again.to_json() == card.to_json()
    assert again.predictor().gain_error((1, 4)) == card.predictor().gain_error((1, 4))
    np.testing.assert_array_equal(again.quadratic.curvature, card.quadratic.curvature)
    assert sorted(item.name for item in path.parent.iterdir()) == ["card.json", "quadratic.npz"]


def test_the_schema_is_one_and_every_measure_is_in_it(card: LayerCard) -> None:
    Draft202012Validator.check_schema(schema())
    known = schema()["properties"]["layers"]["items"]["properties"]
    assert set(card.layers[0].measures.to_dict()) <= set(known)


def test_the_quadratic_can_be_rebuilt_from_plain_json(card: LayerCard) -> None:
    record = json.loads(card.to_json())["quadratic"]
    quadratic = BlockQuadratic(
        np.array(record["gradient"]), np.array(record["curvature"]), tuple(record["sizes"])
    )
    u, M = np.array(record["whitened_gradient"]), np.array(record["whitened_coupling"])
    assert quadratic.gain() == pytest.approx(0.5 * u @ np.linalg.solve(np.eye(len(u)) + M, u))


def test_the_coupling_matrix_is_that_of_single_blocks(card: LayerCard) -> None:
    M, size = card.quadratic.whitened_coupling, card.quadratic.sizes[0]
    block = M[:size, 3 * size : 4 * size]
    assert card.coupling.norms[0, 3] == pytest.approx(np.linalg.svd(block)[1][0])
    assert np.abs(card.coupling.signed).max() <= card.coupling.norms.max() + 1e-12


def test_a_void_bound_is_null_with_a_reason(card: LayerCard) -> None:
    record = json.loads(card.to_json())["additivity"]
    assert record["coupling"] >= 1
    assert record["upper"] is None
    assert any("not below 1" in reason for reason in record["reasons"])


def test_the_replicates_give_the_jackknife_error(card: LayerCard) -> None:
    assert card.replicates is not None
    gains = np.array(
        [
            BlockQuadratic(g, H, card.quadratic.sizes).gain([2, 5])
            for g, H in zip(card.replicates.gradients, card.replicates.curvatures, strict=True)
        ]
    )
    count = len(gains)
    expected = np.sqrt((count - 1) * np.var(gains))
    assert card.predictor().gain_error((2, 5)) == pytest.approx(expected)


def test_not_finite_becomes_null_with_a_reason() -> None:
    measures = Measures(gain=float("nan"), condition_number=float("inf"))
    assert measures.gain is None
    assert "inf" in measures.reasons["condition_number"]


def test_layers_off_the_card_are_refused(card: LayerCard) -> None:
    with pytest.raises(InputError, match=r"\[12\] are not on the card: it has 0\.\.11"):
        card.positions((3, 12))


def test_sections_must_agree(card: LayerCard) -> None:
    with pytest.raises(InputError, match="11 layers, 12 blocks"):
        replace(card, layers=card.layers[:-1])


def _broken(record: dict[str, Any], change: str) -> str:
    if change == "newer":
        record["version"] = 99
    if change == "foreign":
        record["format"] = "modelcard"
    if change == "missing":
        del record["layers"]
    if change == "word":
        record["layers"][0]["gain"] = "large"
    if change == "asymmetric":
        record["quadratic"]["curvature"][0][1] += 1.0
    text = json.dumps(record)
    if change == "truncated":
        text = text[: len(text) // 2]
    if change == "nan":
        text = text.replace('"rho": ', '"rho": NaN, "was": ', 1)
    return text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("newer", "version 99, this layercard reads up to 1: upgrade"),
        ("foreign", "is not a card"),
        ("missing", "'layers' is a required property"),
        ("word", "layers/0/gain"),
        ("asymmetric", "not symmetric"),
        ("truncated", "invalid JSON"),
        ("nan", "NaN"),
    ],
)
def test_a_broken_card_is_one_clear_error(
    card: LayerCard, tmp_path: Path, change: str, message: str
) -> None:
    path = tmp_path / "card.json"
    path.write_text(_broken(json.loads(card.to_json()), change))
    with pytest.raises(InputError, match=message):
        LayerCard.load(path)


def test_a_card_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.json"):
        LayerCard.load(tmp_path / "absent.json")


def test_replicates_of_another_card_are_refused(card: LayerCard, tmp_path: Path) -> None:
    card.save(tmp_path / "card.json")
    assert card.replicates is not None
    other = replace(card.replicates, gradients=2 * card.replicates.gradients)
    (tmp_path / "quadratic.npz").write_bytes(other.to_bytes())
    with pytest.raises(InputError, match="another card"):
        LayerCard.load(tmp_path / "card.json")
    (tmp_path / "quadratic.npz").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="corrupt replicates"):
        LayerCard.load(tmp_path / "card.json")
    (tmp_path / "quadratic.npz").unlink()
    assert LayerCard.load(tmp_path / "card.json").predictor().gain_error((0,)) is None


def test_a_folder_that_cannot_be_written_leaves_nothing(card: LayerCard, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        card.save(tmp_path / "file" / "card.json")
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_markdown_has_front_matter_and_every_layer(card: LayerCard) -> None:
    text = report.markdown(card)
    _, front, body = text.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert fields["rho"] == pytest.approx(card.coupling.rho)
    assert fields["base_model"] == "example/gpt2-tiny"
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    assert sum(row.startswith("| `transformer.h.") for row in rows) == len(card.modules)
    assert "nan" not in text.lower().split()


def test_measured_runs_are_kept(card: LayerCard, tmp_path: Path) -> None:
    run = {"layers": [1, 5], "gain": 0.25, "seeds": [0, 1]}
    path = card.with_measured(run).save(tmp_path / "card.json")
    assert LayerCard.load(path).measured == (run,)
    assert "Measured by fine-tuning" in report.markdown(LayerCard.load(path))


def test_parse_names_the_source() -> None:
    with pytest.raises(InputError, match=r"'my\.json' is not a card"):
        parse_card("[]", "my.json")


def test_a_card_with_a_tangent_model_goes_by_it(measured: LayerCard, tmp_path: Path) -> None:
    path = measured.save(tmp_path / "card.json")
    again = LayerCard.load(path)
    assert again.tangent is not None
    assert again.to_json() == measured.to_json()
    assert again.predictor() is again.tangent
    assert again.predictor("gauss-newton").quadratic is again.quadratic
    error = again.predictor().gain_error((0, 2))
    assert error is not None
    assert error > 0
    assert error == measured.predictor().gain_error((0, 2))
    assert "tangent model of 100 Adam steps" in report.markdown(again)
    (tmp_path / "tangent.npz").unlink()
    assert LayerCard.load(path).predictor().gain_error((0, 2)) is None


def test_a_card_from_before_the_tangent_model_is_read(measured: LayerCard, tmp_path: Path) -> None:
    record = json.loads(measured.to_json())
    del record["tangent"]
    for row in (*record["layers"], *record["modules"]):
        del row["budget_gain"], row["budget_gain_error"]
    path = tmp_path / "card.json"
    path.write_text(json.dumps(record))
    old = LayerCard.load(path)
    assert old.predictor().name == "gauss-newton"
    with pytest.raises(InputError, match="--predictor gauss-newton"):
        old.predictor("tangent")


def test_a_tangent_model_of_other_layers_is_refused(measured: LayerCard) -> None:
    assert measured.tangent is not None
    fewer = replace(measured.tangent, quadratic=measured.tangent.quadratic.restrict([0, 1]))
    with pytest.raises(InputError, match="tangent model has 2 blocks, not 4"):
        replace(measured, tangent=fewer)


def test_a_promise_beyond_the_loss_is_called_void(measured: LayerCard) -> None:
    assert measured.tangent is not None
    quadratic = measured.tangent.quadratic
    grown = BlockQuadratic(30 * quadratic.gradient, quadratic.curvature, quadratic.sizes)
    assert grown.gain() > measured.data["loss"] > quadratic.gain()
    boastful = replace(measured, tangent=replace(measured.tangent, quadratic=grown))
    for card, void in ((measured, False), (boastful, True)):
        note = notes(card)[-1]
        assert note.void == void
        assert ("more than the whole loss" in note.text) == void

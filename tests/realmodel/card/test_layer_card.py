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
from realmodel.card.predictor import Predictor
from realmodel.card.schema import parse_card, schema
from realmodel.placement import place
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
    g, H = np.array(record["gradient"]), np.array(record["curvature"])
    quadratic = BlockQuadratic(g, H, tuple(record["sizes"]))
    assert quadratic.gain() == pytest.approx(0.5 * g @ np.linalg.solve(H, g))
    assert quadratic.coupling == pytest.approx(card.coupling.rho)


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
    replicates = card.predictor().replicates
    assert replicates is not None
    gains = np.array(
        [
            BlockQuadratic(g, H, card.quadratic.sizes).gain([2, 5])
            for g, H in zip(replicates.gradients, replicates.curvatures, strict=True)
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
    with pytest.raises(InputError, match="11 layers, 12 blocks of the gauss-newton model"):
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
        ("newer", "version 99, this layercard reads up to 2: upgrade"),
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
    replicates = card.predictor().replicates
    assert replicates is not None
    other = replace(replicates, gradients=2 * replicates.gradients)
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
    assert again.quadratic is again.tangent.quadratic
    assert again.predictor("gauss-newton") is again.gauss_newton
    assert again.coupling.rho == pytest.approx(again.tangent.quadratic.coupling)
    error = again.predictor().gain_error((0, 2))
    assert error is not None
    assert error > 0
    assert error == measured.predictor().gain_error((0, 2))
    assert "tangent model of 100 Adam steps" in report.markdown(again)
    (tmp_path / "tangent.npz").unlink()
    assert LayerCard.load(path).predictor().gain_error((0, 2)) is None


def test_a_card_from_before_the_tangent_model_is_read(measured: LayerCard, tmp_path: Path) -> None:
    record = json.loads(measured.to_json())
    del record["tangent"], record["predictor"], record["coupling"]["additive_steps"]
    record["version"] = 1
    # What version 1 also held.
    record["quadratic"] |= {
        "layers": [0, 1, 2, 3],
        "whitened_gradient": [],
        "whitened_coupling": [],
    }
    for row in (*record["layers"], *record["modules"]):
        del row["budget_gain"], row["budget_gain_error"]
        row["steps_to_90"] = 3.0
    path = tmp_path / "card.json"
    path.write_text(json.dumps(record))
    old = LayerCard.load(path)
    assert old.predictor().name == "gauss-newton"
    assert old.additive_steps is None
    with pytest.raises(InputError, match="choose the predictor 'gauss-newton'"):
        old.predictor("tangent")
    for text in (report.markdown(old), report.html(old)):
        assert "Gauss-Newton model" in text
    assert LayerCard.load(old.save(tmp_path / "again" / "card.json")).to_json() == old.to_json()


def test_a_card_without_the_exact_curvature_does_everything(
    measured: LayerCard, tmp_path: Path
) -> None:
    """Load, place, render: nothing but the prediction without a limit on steps is missing."""
    plain = replace(measured, gauss_newton=None)
    again = LayerCard.load(plain.save(tmp_path / "card.json"))
    assert again.to_json() == plain.to_json()
    assert json.loads(again.to_json())["quadratic"] is None
    assert not (tmp_path / "quadratic.npz").exists()
    assert again.coupling.rho == measured.coupling.rho
    for text in (report.markdown(again), report.html(again)):
        assert "tangent model of 100 Adam steps" in text
    with pytest.raises(InputError, match="measured on request alone"):
        again.predictor("gauss-newton")
    chosen = place(again, objective="gain", budget="2")
    assert chosen.best.layers == place(measured, objective="gain", budget="2").best.layers
    with pytest.raises(InputError, match="a card needs a quadratic model"):
        replace(plain, tangent=None)


def test_additive_steps_are_the_last_with_rho_below_one(measured: LayerCard) -> None:
    """Against the coupling of runs of that many steps, from the curvature without its ridge."""
    model = measured.tangent
    assert model is not None
    protocol = model.protocol
    p = len(model.quadratic.gradient)
    F = model.quadratic.curvature - np.eye(p) / (2 * protocol["time"])

    def rho(steps: int, rate: float) -> float:
        time = sum(rate * (1 - step / steps) for step in range(steps))
        ridged = F + np.eye(p) / (2 * time)
        return BlockQuadratic(model.quadratic.gradient, ridged, model.quadratic.sizes).coupling

    for rate in (1e-2, 1e-4, 1e-5):
        own = replace(model, protocol=protocol | {"learning_rate": rate})
        steps = own.additive_steps
        if steps is None:
            assert rho(1 << 20, rate) < 1
            continue
        assert steps == 0 or rho(steps, rate) < 1
        assert rho(steps + 1, rate) >= 1
    assert Predictor("gauss-newton", model.quadratic).additive_steps is None


def test_a_tangent_model_of_other_layers_is_refused(measured: LayerCard) -> None:
    assert measured.tangent is not None
    fewer = replace(measured.tangent, quadratic=measured.tangent.quadratic.restrict([0, 1]))
    with pytest.raises(InputError, match="4 layers, 2 blocks of the tangent model"):
        replace(measured, tangent=fewer)


def test_a_promise_beyond_the_loss_is_called_void(measured: LayerCard) -> None:
    assert measured.tangent is not None
    quadratic = measured.tangent.quadratic
    grown = BlockQuadratic(30 * quadratic.gradient, quadratic.curvature, quadratic.sizes)
    assert grown.gain() > measured.data["loss"] > quadratic.gain()
    boastful = replace(measured, tangent=replace(measured.tangent, quadratic=grown))
    for card, void in ((measured, False), (boastful, True)):
        note = notes(card)[0]
        assert note.void == void
        assert ("more than the whole loss" in note.text) == void

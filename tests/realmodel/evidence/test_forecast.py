"""Forecasts against what came true, and the page that shows them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from realmodel.card import LayerCard
from realmodel.evidence.forecast import application, forecasts, of_comparison, of_runs, table
from realmodel.model.lora_protocol import FinetuneOptions
from theory import InputError

DOCS = Path(__file__).resolve().parents[3] / "docs"
PROMISED = {(0,): 0.1, (1,): 0.2, (2,): 0.3, (0, 1): 0.3, (0, 2): 0.4, (1, 2): 0.5, (0, 1, 2): 1.0}


def rows(scale: float = 1.0) -> list[dict[str, Any]]:
    """Gains of a curve through both pilots, but for layer 0, which has twice as much."""
    return [
        {
            "layers": list(layers),
            "promised": p,
            "realised": scale * p / (1 + p) * (2 if layers == (0,) else 1),
        }
        for layers, p in PROMISED.items()
    ]


def test_one_placement_of_five_is_off() -> None:
    found = forecasts(rows(), FinetuneOptions())
    told = {tuple(row["layers"]): row for row in found["rows"]}
    assert set(told) == set(PROMISED) - {(0, 1, 2), (1, 2)}  # the pilot's own are not counted
    assert told[(2,)]["forecast"] == pytest.approx(told[(2,)]["realised"])
    assert told[(0,)]["realised"] == pytest.approx(2 * told[(0,)]["forecast"])
    assert found["summary"]["close"] == pytest.approx(0.8)
    assert found["summary"]["covered"] == pytest.approx(0.8)
    assert found["summary"]["close_uncalibrated"] == pytest.approx(0.6)


def test_a_pair_that_overshoots_is_refused() -> None:
    found = forecasts(rows(scale=0.1), FinetuneOptions())
    assert "overshoots" in found["refusal"]
    assert found["summary"]["close"] is None
    assert all(row["forecast"] is None for row in found["rows"])
    assert "| refused | - | - |" in table({"pair": found})


def test_runs_of_two_seeds_and_a_score_that_is_not_the_cards(tmp_path: Path) -> None:
    record = {
        "model": "m",
        "task": "t",
        "options": {"finetune": FinetuneOptions().to_dict()},
        "values": [
            {"score": score, "layers": row["layers"], "value": row["promised"] * factor}
            for row in rows()
            for score, factor in (("tangent-start", 1.0), ("gradient-norm", -1.0))
        ],
        "runs": [
            {"layers": row["layers"], "gain": row["realised"] + change}
            for row in rows()
            for change in (-0.01, 0.01)
        ],
    }
    path = tmp_path / "pair.json"
    path.write_text(json.dumps(record))
    out = tmp_path / "out"
    done = CliRunner().invoke(application, [str(path), "--output-dir", str(out)])
    assert done.exit_code == 0, done.output
    made = json.loads((out / "pair.json").read_text())
    assert made == json.loads(json.dumps(of_comparison(path)))
    assert made["summary"]["close"] == pytest.approx(0.8)
    done = CliRunner().invoke(application, [str(out / "pair.json"), "--table"])
    assert "| pair | 5 |" in done.stdout
    path.write_text(json.dumps(record | {"values": [{}]}))
    with pytest.raises(InputError, match="is not a comparison"):
        of_comparison(path)
    done = CliRunner().invoke(application, [str(path), "--output-dir", str(out)])
    assert done.exit_code == 2
    assert "is not a comparison" in done.stderr


def test_runs_of_another_kind_are_not_forecast(measured: LayerCard, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    assert measured.protocol is not None
    own = measured.protocol.to_dict()
    (folder / "protocol.json").write_text(json.dumps({"finetune": own}))
    for layers in ((0,), (1, 2), (0, 1, 2, 3)):
        record = {"layers": layers, "gain": measured.quadratic.gain(layers)}
        (folder / f"run-{len(layers)}-seed0.json").write_text(json.dumps(record))
    made = of_runs(measured, folder)
    assert made["rows"][0]["forecast"] == pytest.approx(made["rows"][0]["realised"], rel=0.1)
    (folder / "protocol.json").write_text(json.dumps({"finetune": own | {"steps": 7}}))
    with pytest.raises(InputError, match="steps 7, not 100"):
        of_runs(measured, folder)


def test_without_a_few_layers_there_is_no_forecast() -> None:
    with pytest.raises(InputError, match="all layers and of a few"):
        forecasts([rows()[0], rows()[-1]], FinetuneOptions())


def test_the_page_shows_the_committed_files() -> None:
    files = sorted((DOCS / "evidence" / "forecast").glob("*.json"))
    assert files
    shown = table({path.stem: json.loads(path.read_text()) for path in files})
    assert shown in (DOCS / "forecast.md").read_text()

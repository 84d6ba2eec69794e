"""Theory against practice on a card made by hand, against the definitions."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from realmodel.card import LayerCard
from realmodel.card.predictor import Predictor
from realmodel.evidence.practice import application
from realmodel.evidence.theory_practice import theory_practice
from theory import InputError


@pytest.fixture
def tangent_card(card: LayerCard) -> LayerCard:
    protocol = {"learning_rate": 1e-3, "steps": 9, "rank": 8, "alpha": 16.0, "batch_size": 4}
    protocol |= {"sequences": 64, "draws": 1, "time": 5e-3}
    return replace(card, tangent=Predictor("tangent", card.quadratic, protocol=protocol))


@pytest.fixture
def comparison(tangent_card: LayerCard) -> dict[str, Any]:
    card = tangent_card
    layers = card.indices
    sets = {"all-layers": layers, "layer-1": (layers[1],)}
    sets |= {f"random-{i} of 2": (layers[i], layers[-1]) for i in range(len(layers) - 1)}
    assert card.tangent is not None
    run = card.tangent.protocol
    return {
        "version": 2,
        "model": "m",
        "model_digest": card.model["digest"],
        "task": "e2e",
        "options": {"sizes": [2], "finetune": dict(run)},
        "all_gain": 1.0,
        "loss_before": 3.0,
        "summaries": [],
        "runs": [
            {"label": label, "role": "pool", "layers": list(chosen), "seed": 0, "gain": 0.1 * i}
            for i, (label, chosen) in enumerate(sets.items(), start=1)
        ],
    }


def test_rows_are_the_theorys_quantities(
    tangent_card: LayerCard, comparison: dict[str, Any]
) -> None:
    record, card = theory_practice(tangent_card, comparison), tangent_card
    json.dumps(record, allow_nan=False)
    H, g = card.quadratic.curvature, card.quadratic.gradient
    assert len(record["layers"]) == len(card.layers)
    assert [row["realised"] for row in record["layers"]].count(None) == len(card.layers) - 1
    for row in record["placements"]:
        at = card.positions(tuple(row["layers"]))
        own = np.concatenate([np.arange(len(g))[card.quadratic.slices[i]] for i in at])
        joint = 0.5 * g[own] @ np.linalg.solve(H[np.ix_(own, own)], g[own])
        assert row["joint"] == pytest.approx(joint)
        gains = []
        for i in at:
            block = card.quadratic.slices[i]
            gains.append(0.5 * g[block] @ np.linalg.solve(H[block, block], g[block]))
        assert row["sum"] == pytest.approx(sum(gains))
        norms = [card.layers[i].measures.residual_norm for i in at]
        assert row["residual_energy"] == pytest.approx(sum(n**2 for n in norms if n is not None))
        assert row["signed_lower"] <= row["joint"] * (1 + 1e-9)
    pairs = [row for row in record["placements"] if row["size"] == 2]
    x, y = [row["sum"] for row in pairs], [row["realised"] for row in pairs]
    assert record["explained"]["2"]["sum"] == pytest.approx(spearmanr(x, y).statistic)
    x = [-row["coupling"] for row in pairs]
    assert record["explained"]["2"]["coupling"] == pytest.approx(spearmanr(x, y).statistic)
    energies = [layer["activation_energy"] for layer in record["layers"]]
    share = sum(energies[:2]) / sum(energies)
    assert record["concentration"]["activation_energy"] == pytest.approx(share)


def test_another_model_or_run_is_refused(
    tangent_card: LayerCard, comparison: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="the comparison of other"):
        theory_practice(tangent_card, comparison | {"model_digest": "other"})
    run = comparison["options"]["finetune"] | {"steps": 7}
    with pytest.raises(InputError, match="the comparison's have 7"):
        theory_practice(tangent_card, comparison | {"options": {"finetune": run}})


def test_the_command_writes_json_and_picture(
    tangent_card: LayerCard, comparison: dict[str, Any], tmp_path: Path
) -> None:
    tangent_card.save(tmp_path / "card.json")
    (tmp_path / "comparison.json").write_text(json.dumps(comparison))
    files = [str(tmp_path / "card.json"), str(tmp_path / "comparison.json")]
    out = tmp_path / "x-theory.json"
    done = CliRunner().invoke(application, [*files, "--output", str(out)])
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["task"] == "e2e"
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    done = CliRunner().invoke(application, [files[1], files[1], "--output", str(out)])
    assert done.exit_code == 2


def test_what_came_true_is_the_mean_over_the_seeds_that_all_placements_have(
    tangent_card: LayerCard, comparison: dict[str, Any]
) -> None:
    once = [row["realised"] for row in theory_practice(tangent_card, comparison)["placements"]]
    again = [run | {"seed": 1, "gain": run["gain"] + 0.2} for run in comparison["runs"]]
    alone = comparison["runs"][0] | {"seed": 2, "gain": 9.0}  # of one placement only
    more = comparison | {"runs": [*comparison["runs"], *again, alone]}
    found = [row["realised"] for row in theory_practice(tangent_card, more)["placements"]]
    assert found == pytest.approx([gain + 0.1 for gain in once])

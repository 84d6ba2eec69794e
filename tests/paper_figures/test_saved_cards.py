"""Cards that were measured before are drawn without measuring, and what is measured is said."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from paper_figures.announced import announced
from paper_figures.artifact import select
from paper_figures.build import build
from paper_figures.preset import PRESETS, Preset
from paper_figures.steps.saved import saved_cards, saved_comparisons
from realmodel.card import LayerCard
from theory import InputError


@pytest.fixture(scope="module")
def saved(measured_card: LayerCard, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(measured_card.save(tmp_path_factory.mktemp("saved") / "card.json"))


@pytest.fixture(scope="module")
def measured_card(tmp_path_factory: pytest.TempPathFactory) -> LayerCard:
    from realmodel.card import CardOptions, measure_card
    from realmodel.demo import checkpoint_folder, examples
    from realmodel.model.checkpoint import load_checkpoint
    from realmodel.model.lora_protocol import FinetuneOptions

    options = CardOptions(protocol=FinetuneOptions(rank=2, alpha=4.0, steps=2), calibrate=False)
    return measure_card(
        load_checkpoint(checkpoint_folder("gpt2")),
        examples(8, seed=0),
        options,
        source="x/task.csv",
    )


def test_a_figure_is_drawn_from_a_saved_card(saved: str, tmp_path: Path) -> None:
    preset = replace(PRESETS["demo"], cards=(saved,))
    names = ["layer_profiles", "step_budget_coupling", "pareto_front", "costs"]
    assert list(announced(select(names), preset, tmp_path)) == []
    built = list(build(select(names), preset, tmp_path))
    assert [item.refused for item in built] == [None] * len(names)
    data = json.loads((tmp_path / "figures/layer_profiles.json").read_text())["data"]
    card = LayerCard.load(saved)
    (profile,) = data["profiles"]
    assert (profile["model"], profile["task"]) == ("gpt2", "x")
    assert profile["gain"] == [row.measures.budget_gain for row in card.layers]
    rows = json.loads((tmp_path / "tables/costs.json").read_text())["data"]["rows"]
    assert [(row["model"], row["layer"]) for row in rows] == [("gpt2", i) for i in card.indices]
    again = list(build(select(names), preset, tmp_path))
    assert not any(item.computed for item in again)


def test_files_that_are_no_cards_are_refused(saved: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"runs": []}')
    with pytest.raises(InputError, match="is no card: it lacks"):
        saved_cards((str(tmp_path / "other.json"),))
    with pytest.raises(InputError, match="is no comparison: it lacks"):
        saved_comparisons((str(tmp_path / "other.json"),))
    with pytest.raises(InputError, match="cannot read the card"):
        saved_cards((str(tmp_path / "absent.json"),))
    with pytest.raises(InputError, match="is a second card of gpt2 x"):
        saved_cards((saved, saved))


def test_what_is_measured_is_said_first(small: Preset, tmp_path: Path) -> None:
    lines = list(announced(select(["layer_profiles", "predicted_gain"]), small, tmp_path))
    assert lines[0].startswith("measures")
    assert any("4 x card" in line and "gpt2-weather" in line for line in lines)
    assert any("comparison" in line for line in lines)
    assert lines[-1].endswith("min on two cores")
    theirs = replace(small, name="paper")
    assert "--estimate" in list(announced(select(["layer_profiles"]), theirs, tmp_path))[-1]


def test_what_is_there_is_not_said(
    small: Preset, folder: Path, built: Callable[[str], object]
) -> None:
    built("layer_profiles")
    assert list(announced(select(["layer_profiles"]), small, folder)) == []


def test_saved_comparisons_of_both_versions_are_drawn(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "docs/evidence"
    saved = tuple(str(folder / f"{name}.json") for name in ("smollm2-e2e", "demo-qwen3-demo"))
    preset = replace(PRESETS["demo"], compared=saved)
    (built,) = build(select(["predicted_gain"]), preset, tmp_path)
    assert built.refused is None
    data = json.loads((tmp_path / "figures/predicted_gain.json").read_text())["data"]
    # The first has no exact curvature, several sizes and so their common correlation.
    assert [(p["model"], p["score"]) for p in data["panels"]] == [
        ("smollm2", "Tangent quadratic at the start"),
        ("qwen3", "Tangent quadratic at the start"),
        ("qwen3", "Joint gain"),
    ]
    sizes = {len(point["layers"]) for point in data["panels"][0]["points"]}
    assert sizes == {2, 5, 10}
    assert data["panels"][0]["agreement"]["spearman"] > 0.9

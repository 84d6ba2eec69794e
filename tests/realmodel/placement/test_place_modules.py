"""Kinds and modules against every set of them, and what becomes of such a placement."""

import itertools
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from realmodel import report
from realmodel.card import LayerCard
from realmodel.cli import app
from realmodel.costs.module_costs import module_costs, module_record
from realmodel.costs.serving import served_by
from realmodel.placement import place_modules
from realmodel.placement.saved_placement import SavedPlacement
from theory import InputError


def cost(card: LayerCard, chosen: tuple[int, ...]) -> int:
    rows = [card.modules[at] for at in chosen]
    return sum(card.options["rank"] * (row.in_features + row.out_features) for row in rows)


def subsets(units: list[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    for size in range(1, len(units) + 1):
        for chosen in itertools.combinations(units, size):
            yield tuple(sorted(at for unit in chosen for at in unit))


def grouped(card: LayerCard, unit: str, layers: tuple[int, ...]) -> list[tuple[int, ...]]:
    found: dict[object, tuple[int, ...]] = {}
    for at, row in enumerate(card.modules):
        if row.layer in layers:
            label = {"layer": row.layer, "kind": row.kind, "module": row.name}[unit]
            found[label] = (*found.get(label, ()), at)
    return list(found.values())


@pytest.mark.parametrize(("unit", "layers"), [("kind", (0, 1, 2, 3)), ("module", (1, 2))])
@pytest.mark.parametrize("share", [0.15, 0.3])
def test_the_best_of_all_sets_within_the_parameters(
    measured: LayerCard, unit: str, layers: tuple[int, ...], share: float
) -> None:
    model = measured.module_model
    assert model is not None
    limit = share * measured.costs.everything("parameters")
    choice = place_modules(measured, unit=unit, budget=f"{100 * share:g}%", layers=layers)
    fitting = [s for s in subsets(grouped(measured, unit, layers)) if cost(measured, s) <= limit]
    best = max(map(model.gain, fitting))
    assert choice.best.gain == pytest.approx(best, rel=1e-9)
    assert choice.gap == pytest.approx(0.0, abs=1e-9)
    assert choice.best.parameters <= limit
    names = [row.name for row in measured.modules]
    chosen = tuple(names.index(name) for name in choice.best.modules)
    assert choice.best.parameters == cost(measured, chosen)
    assert choice.gain_error == model.gain_error(chosen)
    whole = [
        s
        for s in subsets(grouped(measured, "layer", layers))
        if cost(measured, s) <= choice.best.parameters
    ]
    if whole:
        assert choice.whole_layers is not None
        assert choice.whole_layers.gain == pytest.approx(max(map(model.gain, whole)), rel=1e-9)
    else:
        assert choice.whole_layers is None


@pytest.mark.parametrize(("unit", "layers"), [("kind", (0, 1, 2, 3)), ("module", (1, 2))])
@pytest.mark.parametrize(
    ("objective", "engine", "share"),
    [
        ("time", "hf", 0.0),
        ("time", "hf", 0.5),
        ("memory", "hf", 0.2),
        ("memory", "hf", 0.6),
        ("serving", "hf", 0.3),
        ("serving", "sglang", 0.4),
        ("serving", "vllm-targeted", 0.3),
    ],
)
def test_the_best_of_all_sets_within_a_cost(
    measured: LayerCard,
    unit: str,
    layers: tuple[int, ...],
    objective: str,
    engine: str,
    share: float,
) -> None:
    model = measured.module_model
    assert model is not None
    costs = served_by(measured.costs, engine, measured.modules)
    cost = module_costs(costs, measured.modules, objective)
    sets = list(subsets(grouped(measured, unit, layers)))
    least, most = min(map(cost.of, sets)), max(map(cost.of, sets))
    limit = least + share * (most - least)
    percent = 100 * limit / costs.everything(objective)
    choice = place_modules(
        measured,
        unit=unit,
        objective=objective,
        budget=f"{percent:.12f}%",
        layers=layers,
        engine=engine,
    )
    best = max(model.gain(s) for s in sets if cost.of(s) <= limit * (1 + 1e-9))
    assert choice.best.gain == pytest.approx(best, rel=1e-9)
    assert choice.gap == pytest.approx(0.0, abs=1e-9)
    assert choice.best.costs[objective] <= limit * (1 + 1e-9)
    assert 100 * choice.best.costs[f"{objective}_share"] <= percent * (1 + 1e-9)
    names = [row.name for row in measured.modules]
    chosen = tuple(names.index(name) for name in choice.best.modules)
    assert choice.best.costs == module_record(costs, measured.modules, chosen)
    whole = [
        s for s in subsets(grouped(measured, "layer", layers)) if cost.of(s) <= limit * (1 + 1e-9)
    ]
    if whole:
        assert choice.whole_layers is not None
        assert choice.whole_layers.gain == pytest.approx(max(map(model.gain, whole)), rel=1e-9)
    else:
        assert choice.whole_layers is None
    record = choice.to_dict()
    assert record["engine"] == engine
    assert record["placement"]["costs"] == choice.best.costs


def test_a_number_of_units(measured: LayerCard) -> None:
    two = place_modules(measured, unit="kind", objective="gain", budget="2")
    kinds = {row.name: row.kind for row in measured.modules}
    assert len(two.units) == 2
    assert {kinds[name] for name in two.best.modules} == set(two.units)
    assert two.best.layers == (0, 1, 2, 3)
    all_ = place_modules(measured, unit="module", objective="gain", budget="100%", layers=[2])
    assert all_.best.modules == measured.modules_of((2,))
    assert all_.everything.modules == measured.modules_of((0, 1, 2, 3))
    assert all_.best.layers == (2,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"unit": "head", "budget": "4"}, "unknown unit 'head': choose layer, kind, module"),
        ({"unit": "kind", "budget": "5", "objective": "gain"}, "5 kinds: choose between 1 and 4"),
        ({"unit": "kind", "budget": "2layers", "objective": "gain"}, "is a number of kinds"),
        (
            {"unit": "module", "budget": "1%", "objective": "time"},
            "admits no module: the cheapest costs",
        ),
        ({"unit": "module", "budget": "50%", "objective": "joy"}, "unknown objective 'joy'"),
        (
            {"unit": "module", "budget": "50%", "objective": "serving", "engine": "vllm"},
            "cannot choose modules here: vllm computes every wrapped module of every layer",
        ),
        (
            {"unit": "kind", "budget": "50%", "objective": "serving", "engine": "merged"},
            "cannot choose kinds here: merged adapters cost nothing",
        ),
        ({"unit": "module", "budget": "3"}, "admits no module"),
        ({"unit": "module", "budget": "0.5"}, "has no unit: write 50%"),
        ({"unit": "module", "budget": "2GB"}, "units are k, M, B, or %"),
        ({"unit": "module", "budget": "1k", "layers": [9]}, r"layers \[9\] are not on the card"),
    ],
)
def test_what_makes_no_sense(measured: LayerCard, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        place_modules(measured, **arguments)


def test_a_card_without_its_modules_says_what_to_do(measured: LayerCard) -> None:
    with pytest.raises(InputError, match=r"modules\.npz is not beside it"):
        place_modules(replace(measured, module_model=None), unit="module", budget="50%")


def test_the_words(measured: LayerCard) -> None:
    choice = place_modules(measured, unit="kind", budget="60%")
    found = report.module_verdict(measured, choice)
    rows = dict(found.rows)
    assert re.match(r"Adapt \d+ of 16 modules for \d+% of the gain", found.headline)
    assert "in every layer" in rows["take"]
    assert rows["certified"].startswith("the best possible kinds")
    assert "parameters" in rows["cost"]


def test_the_placement_is_exported_and_trained_as_it_is(
    measured: LayerCard, gpt2_folder: Path, task_file: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(gpt2_folder, tmp_path / "model")
    card = replace(measured, model=dict(measured.model) | {"source": str(model)})
    path = card.save(tmp_path / "card.json")
    run = CliRunner().invoke
    placed = run(
        app,
        [*("place", str(path), "--unit", "module", "--objective", "parameters"),
         *("--budget", "25%", "--output-dir", str(tmp_path / "place"), "--json")],
    )  # fmt: skip
    assert placed.exit_code == 0, placed.output
    record = json.loads((tmp_path / "place" / "placement.json").read_text())
    names = record["placement"]["modules"]
    assert record["lora_config"]["target_modules"] == names
    assert len({name.split(".")[2] for name in names}) > 1  # no whole layers
    assert set(names) == set(SavedPlacement.load(tmp_path / "place" / "placement.json").ranks)
    trained = run(
        app,
        [*("finetune", "--placement", str(tmp_path / "place" / "placement.json"), "--no-latency"),
         *("--data", str(task_file), "--steps", "2", "--output-dir", str(tmp_path / "run"))],
    )  # fmt: skip
    assert trained.exit_code == 0, trained.output
    (result,) = json.loads((tmp_path / "run" / "finetune.json").read_text())["runs"]
    assert sorted(result["modules"]) == sorted(names)

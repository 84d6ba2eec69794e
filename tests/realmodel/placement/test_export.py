"""Exports on tiny models: what peft then trains is the placement, or nothing is written."""

import ast
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig
from rich.console import Console
from transformers import AutoConfig, AutoModelForCausalLM

from realmodel.card import LayerCard
from realmodel.model.modules import AdaptedModule, find_modules
from realmodel.placement import place
from realmodel.placement.export import (
    FORMATS,
    ExportedPlacement,
    check_trainable,
    formats_for,
    lora_config_arguments,
    ranks_of,
    refusal,
    trainable_modules,
    write_exports,
)
from realmodel.report import placement_table, write_card
from realmodel.report.table import table
from theory import InputError


def exported(
    arguments: Mapping[str, Any],
    modules: Sequence[AdaptedModule],
    model: Any,
    source: str = "example/tiny",
    dtype: str = "float32",
) -> ExportedPlacement:
    run = {"learning_rate": 0.01, "steps": 5, "batch_size": 2, "schedule": "linear"}
    return ExportedPlacement.of(
        arguments, modules, model=model, source=source, dtype=dtype, run=run
    )


def rows(*layers: int) -> list[Any]:
    return [AdaptedModule(f"h.{i}.fc", i, "fc", 8, 8, f"h.{i}.fc", False) for i in layers]


@pytest.fixture(scope="module", params=["gpt2", "qwen3"])
def skeleton(request: pytest.FixtureRequest) -> tuple[Any, tuple[AdaptedModule, ...]]:
    folder: Path = request.getfixturevalue(f"{request.param}_folder")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    return model, find_modules(model).modules


def test_every_format_trains_exactly_the_placement(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    ranks = {modules[-1].name: 3, modules[-2].name: 0}
    arguments = lora_config_arguments([1, 3], modules, 4, 8.0, ranks=ranks)
    wanted = {m.name: ranks.get(m.name, 4) for m in modules if m.layer in (1, 3)}
    del wanted[modules[-2].name]
    assert ranks_of(arguments) == wanted
    before = [name for name, _ in model.named_modules()]
    placement = exported(arguments, modules, model)
    assert formats_for(placement) == ("json", "python", "trl", "peft", "axolotl", "unsloth", "vllm")
    for name in formats_for(placement):
        form = FORMATS[name]
        if form.read is not None:
            files = form.render(placement)
            assert trainable_modules(model, form.read(files, placement.depth)) == wanted, name
    assert [name for name, _ in model.named_modules()] == before
    assert all(parameter.requires_grad for parameter in model.parameters())
    with pytest.raises(InputError, match="LLaMA-Factory has one rank for every module"):
        write_exports(tmp_path, placement, model)
    assert not list(tmp_path.iterdir())
    written = write_exports(tmp_path, placement, model, formats_for(placement))
    assert sorted(path.name for path in written) == [
        "adapter_config.json",
        "axolotl.yaml",
        "lora_config.json",
        "lora_config.py",
        "training_params.json",
        "trl_sft.py",
        "unsloth_model.py",
        "vllm.yaml",
    ]
    config = LoraConfig(**json.loads((tmp_path / "lora_config.json").read_text()))
    assert set(config.target_modules or ()) == set(wanted)
    assert config.alpha_pattern == {modules[-1].name: 6}


@pytest.mark.parametrize("layers", [[2, 3], [0, 2]])
def test_one_rank_everywhere(skeleton: Any, tmp_path: Path, layers: list[int]) -> None:
    """Every tool takes the last layers; mlx-lm takes no others, and says which it could."""
    model, modules = skeleton
    placement = exported(lora_config_arguments(layers, modules, 2), modules, model)
    assert (placement.depth, placement.layers, placement.is_product) == (4, tuple(layers), True)
    names = tuple(FORMATS) if layers == [2, 3] else tuple(n for n in FORMATS if n != "mlx-lm")
    assert formats_for(placement) == names
    if layers == [0, 2]:
        with pytest.raises(InputError, match="can take layers 2, 3, not 0, 2"):
            FORMATS["mlx-lm"].render(placement)
    write_exports(tmp_path, placement, model, names)


def test_mlx_lm_adapts_the_same_modules_in_every_block(skeleton: Any) -> None:
    model, modules = skeleton
    ranks = {modules[-1].name: 0}
    arguments = lora_config_arguments([2, 3], modules, 2, ranks=ranks)
    placement = exported(arguments, modules, model)
    assert not placement.is_product
    assert "the same modules in every block" in str(refusal("mlx-lm", placement))
    form = FORMATS["unsloth"]
    assert form.read is not None
    found = form.read(form.render(placement), placement.depth)
    assert trainable_modules(model, found) == ranks_of(arguments)


def test_mlx_lm_scale_is_alpha_over_rank(skeleton: Any) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([3], modules, 4, 6.0)
    (text,) = FORMATS["mlx-lm"].render(exported(arguments, modules, model)).values()
    config = yaml.safe_load(text)
    assert config["lora_parameters"]["scale"] == 1.5
    assert (config["iters"], config["batch_size"], config["learning_rate"]) == (5, 2, 0.01)


def test_vllm_wraps_what_the_adapter_touches(skeleton: Any) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([1], modules, 3)
    (text,) = FORMATS["vllm"].render(exported(arguments, modules, model)).values()
    config = yaml.safe_load(text)
    assert config["max-lora-rank"] == 8  # the smallest that vLLM allows for 3
    names = config["lora-target-modules"]
    assert set(arguments["target_modules"]) <= set(names)
    merged = {name.rpartition(".")[2] for name in set(names) - set(arguments["target_modules"])}
    qwen = model.config.model_type == "qwen3"
    assert merged == ({"qkv_proj", "gate_up_proj"} if qwen else set())
    assert not [name for name in names if ".1." not in name]


def test_llamafactory_cannot_name_a_comma() -> None:
    arguments = lora_config_arguments([0], [AdaptedModule("h.0.a,b", 0, "a,b", 8, 8, "", False)], 2)
    placement = ExportedPlacement(arguments, "m", "float32", 1, {"h.0.a,b": (0, "a,b")})
    assert "separates modules by commas" in str(refusal("llamafactory", placement))


def test_the_python_file_runs(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([0], modules, 2)
    write_exports(tmp_path, exported(arguments, modules, model), model, ["python"])
    names: dict[str, Any] = {}
    exec((tmp_path / "lora_config.py").read_text(), names)
    assert isinstance(names["config"], LoraConfig)
    assert names["config"].r == 2


def test_peft_reads_its_own_layout(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([2], modules, 2)
    write_exports(tmp_path, exported(arguments, modules, model), model, ["peft"])
    folder = tmp_path / "experiments" / "lora" / "tiny-rank2-layercard"
    config = LoraConfig.from_pretrained(str(folder))
    assert set(config.target_modules or ()) == set(arguments["target_modules"])
    assert json.loads((folder / "training_params.json").read_text())["model_id"] == "example/tiny"


def test_axolotl_gets_its_own_names(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([2], modules, 2)
    write_exports(tmp_path, exported(arguments, modules, model), model, ["axolotl"])
    fragment = yaml.safe_load((tmp_path / "axolotl.yaml").read_text())
    assert fragment["adapter"] == "lora"
    assert fragment["lora_r"] == 2
    assert isinstance(fragment["lora_alpha"], int)
    assert set(fragment) <= AXOLOTL_SCHEMA


AXOLOTL_SCHEMA = {
    "base_model",
    "adapter",
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "lora_fan_in_fan_out",
    "lora_target_modules",
}
"""Of axolotl's own: it drops keys that it does not know."""


def test_axolotl_takes_no_fraction_as_alpha(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([2], modules, 2, 2.5)
    assert "axolotl" not in formats_for(exported(arguments, modules, model))
    with pytest.raises(InputError, match=r"axolotl takes a whole lora_alpha, not 2\.5"):
        write_exports(tmp_path, exported(arguments, modules, model), model, ["axolotl"])
    assert 1 / 49 * 49 != 1  # and yet:
    assert lora_config_arguments([2], modules, 49, 1.0)["lora_alpha"] == 1


@pytest.mark.parametrize("change", ["missing", "superfluous", "rank"])
def test_an_export_that_is_not_the_placement_is_refused(
    skeleton: Any, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([1, 2], modules, 4)
    wrong = dict(arguments)
    if change == "missing":
        wrong["target_modules"] = arguments["target_modules"][1:]
    elif change == "superfluous":
        wrong["target_modules"] = [*arguments["target_modules"], modules[0].name]
    else:
        wrong["rank_pattern"] = {arguments["target_modules"][0]: 1}
    with pytest.raises(InputError, match="does not match the placement"):
        check_trainable(model, wrong, ranks_of(arguments))
    form = FORMATS["json"]
    monkeypatch.setattr(
        "realmodel.placement.export.write.FORMATS",
        {"json": replace(form, read=lambda files, depth: wrong)},
    )
    with pytest.raises(InputError, match="does not match"):
        write_exports(tmp_path, exported(arguments, modules, model), model, ["json"])
    assert list(tmp_path.iterdir()) == []


def test_layer_1_is_not_layer_11() -> None:
    """Full names: a rank for h.1 must not reach h.11."""
    arguments = lora_config_arguments([1, 11], rows(*range(12)), 8, ranks={"h.1.fc": 2})
    assert ranks_of(arguments) == {"h.1.fc": 2, "h.11.fc": 8}


def test_the_largest_rank_becomes_r() -> None:
    arguments = lora_config_arguments(
        [0, 1, 2], rows(0, 1, 2), 8, 16, ranks={"h.0.fc": 4, "h.1.fc": 4, "h.2.fc": 12}
    )
    assert (arguments["r"], arguments["lora_alpha"]) == (12, 24)
    assert arguments["rank_pattern"] == {"h.0.fc": 4, "h.1.fc": 4}
    assert arguments["alpha_pattern"] == {"h.0.fc": 8, "h.1.fc": 8}


NAMES = [
    'm"""\nimport pathlib; pathlib.Path("touched").touch()\n"""',
    "m'''\nraise SystemExit\n'''",
    "back\\slash\\",
    "ends with a quote'",
    "\r\n---\nlayercard: 2\n---\n",
    "{{ 7 * 7 }}</script><img src=x onerror=alert(1)>",
    "a: b # c\n- !!python/object/apply:os.system [touch touched]",
    "\u2028\u2029\x85 \x00\x1b[31m \ud800 \U0001f600 ü",
    "[/red][link=file:///etc]x",
    "..",
    "/",
    "n" * 4000,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_runs_in_any_export(
    skeleton: Any, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, modules = skeleton
    monkeypatch.chdir(tmp_path)
    arguments = lora_config_arguments([0], modules, 2)
    placement = exported(arguments, modules, model, source=name, dtype=name)
    names_of = [form for form in FORMATS if form != "mlx-lm"]
    write_exports(tmp_path / "out", placement, model, names_of)
    text = (tmp_path / "out" / "lora_config.py").read_text()
    names: dict[str, Any] = {}
    exec(text, names)
    assert names["MODEL"] == name
    assert names["ARGUMENTS"] == arguments
    for file in ("trl_sft.py", "unsloth_model.py"):
        alone: dict[str, Any] = {}
        exec((tmp_path / "out" / file).read_text(), alone | {"__name__": "read"}, alone)
        assert alone["MODEL"] == name
    for file, key in {"llamafactory": "model_name_or_path", "vllm": "model"}.items():
        values = yaml.safe_load((tmp_path / "out" / f"{file}.yaml").read_text())
        if "\ud800" not in name:
            assert values[key] == name
    fragment = yaml.safe_load((tmp_path / "out" / "axolotl.yaml").read_text())
    if "\ud800" not in name:
        assert fragment["base_model"] == name
    (training,) = (tmp_path / "out" / "experiments" / "lora").glob("*/training_params.json")
    assert json.loads(training.read_text())["model_id"] == name
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@given(st.text(), st.text(min_size=1))
def test_names_are_literals_in_the_generated_code(source: str, module: str) -> None:
    arguments = lora_config_arguments([0], [AdaptedModule(module, 0, module, 8, 8, "", False)], 2)
    placement = ExportedPlacement(arguments, source, "", 1, {module: (0, module)})
    (text,) = FORMATS["python"].render(placement).values()
    kinds = [type(node).__name__ for node in ast.parse(text).body]
    assert kinds == ["Expr", "ImportFrom", "Assign", "Assign", "Assign", "FunctionDef"]
    names: dict[str, Any] = {}
    exec(text.replace("from peft import LoraConfig", "LoraConfig = dict"), names)
    assert names["MODEL"] == source
    assert names["config"]["target_modules"] == [module]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_breaks_out_of_a_card(
    make_card: Callable[..., LayerCard], tmp_path: Path, name: str
) -> None:
    card = make_card(layers=2)
    model, data = dict(card.model) | {"source": name}, dict(card.data) | {"source": name}
    named = replace(card, model=model, data=data, costs=replace(card.costs, device=name))
    console = Console(width=100, file=io.StringIO())
    console.print(table(named))
    console.print(placement_table(named, place(named, objective="gain", budget="1")))
    if "\ud800" in name:
        with pytest.raises(InputError, match="surrogate"):
            write_card(named, tmp_path)
        assert not list(tmp_path.iterdir())
        return
    write_card(named, tmp_path)
    _, front, body = (tmp_path / "card.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front)["base_model"] == name
    assert LayerCard.load(tmp_path / "card.json").model["source"] == name
    heading = next(line for line in body.splitlines() if line.startswith("# "))
    assert heading.startswith("# Layer Card: ")
    assert "<img" not in (tmp_path / "card.html").read_text()
    assert "<img" not in body.replace("\\<img", "")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lora_config_arguments([5], rows(0, 1), 8), r"layers \[5\] have no module"),
        (lambda: lora_config_arguments([], rows(0, 1), 8), "leave no module"),
        (lambda: lora_config_arguments([0], rows(0, 1), 0), "rank 0"),
        (lambda: lora_config_arguments([0], rows(0), 8, ranks={"h.0.fc": 0}), "leave no module"),
        (lambda: lora_config_arguments([0], rows(0, 1), 8, ranks={"h.1.fc": 2}), "h.1.fc"),
    ],
)
def test_placements_that_cannot_be_exported(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_an_unknown_format_is_refused(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    placement = exported(lora_config_arguments([0], modules, 2), modules, model)
    with pytest.raises(InputError, match="unknown export 'toml'"):
        write_exports(tmp_path, placement, model, ["toml"])

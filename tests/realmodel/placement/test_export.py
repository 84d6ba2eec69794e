"""Exports on tiny models: what peft then trains is the placement, or nothing is written."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from peft import LoraConfig
from transformers import AutoConfig, AutoModelForCausalLM

from realmodel.model.modules import AdaptedModule, find_modules
from realmodel.placement.export import (
    FORMATS,
    check_trainable,
    lora_config_arguments,
    ranks_of,
    trainable_modules,
    write_exports,
)
from theory import InputError

DESCRIPTION = {"source": "example/tiny", "dtype": "float32"}


def table(*layers: int) -> list[Any]:
    return [SimpleNamespace(name=f"h.{i}.fc", layer=i, transposed=False) for i in layers]


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
    for name, form in FORMATS.items():
        files = form.render(arguments, DESCRIPTION)
        assert trainable_modules(model, form.read(files)) == wanted, name
    assert [name for name, _ in model.named_modules()] == before
    assert all(parameter.requires_grad for parameter in model.parameters())
    written = write_exports(tmp_path, arguments, model, DESCRIPTION)
    assert sorted(path.name for path in written) == [
        "adapter_config.json",
        "axolotl.yaml",
        "lora_config.json",
        "lora_config.py",
        "training_params.json",
    ]
    config = LoraConfig(**json.loads((tmp_path / "lora_config.json").read_text()))
    assert set(config.target_modules or ()) == set(wanted)
    assert config.alpha_pattern == {modules[-1].name: 6}


def test_the_python_file_runs(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([0], modules, 2)
    write_exports(tmp_path, arguments, model, DESCRIPTION, ["python"])
    names: dict[str, Any] = {}
    exec((tmp_path / "lora_config.py").read_text(), names)
    assert isinstance(names["config"], LoraConfig)
    assert names["config"].r == 2


def test_peft_reads_its_own_layout(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    arguments = lora_config_arguments([2], modules, 2)
    write_exports(tmp_path, arguments, model, DESCRIPTION, ["peft"])
    folder = tmp_path / "experiments" / "lora" / "tiny-rank2-layercard"
    config = LoraConfig.from_pretrained(str(folder))
    assert set(config.target_modules or ()) == set(arguments["target_modules"])
    assert json.loads((folder / "training_params.json").read_text())["model_id"] == "example/tiny"


def test_axolotl_gets_its_own_names(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    write_exports(tmp_path, lora_config_arguments([2], modules, 2), model, DESCRIPTION, ["axolotl"])
    fragment = yaml.safe_load((tmp_path / "axolotl.yaml").read_text())
    assert fragment["adapter"] == "lora"
    assert fragment["lora_r"] == 2
    assert isinstance(fragment["lora_alpha"], int)
    assert "lora_rank_pattern" not in fragment


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
        {"json": type(form)("json", form.render, lambda files: wrong)},
    )
    with pytest.raises(InputError, match="does not match"):
        write_exports(tmp_path, arguments, model, DESCRIPTION, ["json"])
    assert list(tmp_path.iterdir()) == []


def test_layer_1_is_not_layer_11() -> None:
    """Full names: a rank for h.1 must not reach h.11."""
    arguments = lora_config_arguments([1, 11], table(*range(12)), 8, ranks={"h.1.fc": 2})
    assert ranks_of(arguments) == {"h.1.fc": 2, "h.11.fc": 8}


def test_the_commonest_rank_becomes_r() -> None:
    arguments = lora_config_arguments(
        [0, 1, 2], table(0, 1, 2), 8, 16, ranks={"h.0.fc": 4, "h.1.fc": 4, "h.2.fc": 12}
    )
    assert (arguments["r"], arguments["lora_alpha"]) == (4, 8)
    assert arguments["alpha_pattern"] == {"h.2.fc": 24}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lora_config_arguments([5], table(0, 1), 8), r"layers \[5\] have no module"),
        (lambda: lora_config_arguments([], table(0, 1), 8), "leave no module"),
        (lambda: lora_config_arguments([0], table(0, 1), 0), "rank 0"),
        (lambda: lora_config_arguments([0], table(0), 8, ranks={"h.0.fc": 0}), "leave no module"),
        (lambda: lora_config_arguments([0], table(0, 1), 8, ranks={"h.1.fc": 2}), "h.1.fc"),
    ],
)
def test_placements_that_cannot_be_exported(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_an_unknown_format_is_refused(skeleton: Any, tmp_path: Path) -> None:
    model, modules = skeleton
    with pytest.raises(InputError, match="unknown export 'toml'"):
        write_exports(
            tmp_path, lora_config_arguments([0], modules, 2), model, DESCRIPTION, ["toml"]
        )

"""Each export as its own tool reads it; ``make check-exports`` makes the environment.

In the normal one these tests skip, with the package that is missing.
"""

import ast
import dataclasses
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch
import yaml
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM

import realmodel
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.modules import find_modules
from realmodel.placement.export import (
    FORMATS,
    ExportedPlacement,
    lora_config_arguments,
    ranks_of,
    trainable_modules,
    write_exports,
)

pytestmark = [
    pytest.mark.exports,
    # Other packages' own warnings are not ours.
    pytest.mark.filterwarnings("ignore"),
]


def package(name: str) -> Path:
    """Folder of an installed package, which is not imported; skips where there is none."""
    try:
        version(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed: make check-exports")
    found = find_spec(name.replace("-", "_"))
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(next(iter(found.submodule_search_locations)))


def definition_of(path: Path, name: str, known: Mapping[str, Any] | None = None) -> Any:
    """One function or class of a source file, which imports what needs a GPU or a whole server."""
    tree = ast.parse(path.read_text())
    node = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
    )
    names: dict[str, Any] = dict(known or {})
    exec(compile(ast.Module([node], []), str(path), "exec"), names)
    return names[name]


def placed(folder: Path, layers: list[int], *, ranks: Mapping[str, int] | None = None) -> Any:
    model = AutoModelForCausalLM.from_pretrained(folder)
    modules = find_modules(model).modules
    arguments = lora_config_arguments(layers, modules, 2, ranks=ranks)
    run = {"learning_rate": 0.01, "steps": 5, "batch_size": 2, "schedule": "linear"}
    placement = ExportedPlacement.of(
        arguments, modules, model=model, source=str(folder), dtype="float32", run=run
    )
    return placement, model


@pytest.fixture
def uniform(qwen3_folder: Path) -> Any:
    return placed(qwen3_folder, [2, 3])


@pytest.fixture
def varied(qwen3_folder: Path) -> Any:
    _, model = placed(qwen3_folder, [1])
    names = [module.name for module in find_modules(model).modules if module.layer == 1]
    return placed(qwen3_folder, [1, 3], ranks={names[0]: 1})


def test_axolotl(varied: Any) -> None:
    """Its schema, then what its loader hands to peft."""
    package("axolotl")
    from axolotl.utils.schemas.peft import (  # type: ignore[import-not-found, unused-ignore]
        LoraConfig as Schema,
    )

    placement, model = varied
    fragment = yaml.safe_load(FORMATS["axolotl"].render(placement)["axolotl.yaml"])
    unknown = set(fragment) - set(Schema.model_fields) - {"base_model"}
    assert not unknown
    read = Schema.model_validate(fragment)
    arguments = {
        "r": read.lora_r,
        "lora_alpha": read.lora_alpha,
        "lora_dropout": read.lora_dropout,
        "fan_in_fan_out": read.lora_fan_in_fan_out,
        "target_modules": read.lora_target_modules,
        "rank_pattern": read.lora_rank_pattern,
        "alpha_pattern": read.lora_alpha_pattern,
        "task_type": "CAUSAL_LM",
    }
    assert trainable_modules(model, arguments) == placement.ranks
    source = (package("axolotl") / "loaders" / "adapter.py").read_text()
    assert 'lora_config_kwargs["rank_pattern"] = cfg.lora_rank_pattern' in source


def test_llamafactory(uniform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its dataclass, by transformers' own parser as its command line does."""
    package("llamafactory")
    monkeypatch.setenv("DISABLE_VERSION_CHECK", "1")  # of transformers, whose models are not used
    from llamafactory.hparams.finetuning_args import (  # type: ignore[import-not-found, unused-ignore]
        FinetuningArguments,
    )
    from transformers import HfArgumentParser

    placement, model = uniform
    fragment = yaml.safe_load(FORMATS["llamafactory"].render(placement)["llamafactory.yaml"])
    fragment.pop("model_name_or_path")  # of its ModelArguments
    fragment.pop("do_train")  # of transformers' TrainingArguments
    (read,) = HfArgumentParser(FinetuningArguments).parse_dict(fragment)
    assert (read.stage, read.finetuning_type) == ("sft", "lora")
    arguments = {
        "r": read.lora_rank,
        "lora_alpha": read.lora_alpha,
        "lora_dropout": read.lora_dropout,
        "target_modules": read.lora_target,
        "task_type": "CAUSAL_LM",
    }
    assert trainable_modules(model, arguments) == placement.ranks


@pytest.mark.parametrize("which", ["uniform", "varied"])
def test_unsloth_signature(which: str, request: pytest.FixtureRequest) -> None:
    """Its published source: it cannot be imported without a GPU."""
    path = package("unsloth") / "models" / "llama.py"
    placement, model = request.getfixturevalue(which)
    form = FORMATS["unsloth"]
    arguments = ast.literal_eval(
        next(
            node.value
            for node in ast.parse(form.render(placement)["unsloth_model.py"]).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ARGUMENTS"
        )
    )
    tree = ast.parse(path.read_text())
    node = next(
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "get_peft_model"
    )
    own = {argument.arg for argument in node.args.args}
    passed_on = set(arguments) - own
    assert passed_on <= {"rank_pattern", "alpha_pattern"}
    assert node.args.kwarg is not None
    assert "**kwargs" in ast.unparse(
        next(
            n
            for n in ast.walk(node)
            if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "arguments"
        )
    )
    assert form.read is not None
    found = form.read(form.render(placement), placement.depth)
    assert trainable_modules(model, found) == placement.ranks


def test_mlx_lm(uniform: Any) -> None:
    """Its own ``linear_to_lora_layers`` on its own model of the same shape."""
    package("mlx-lm")
    pytest.importorskip("mlx.core")
    from mlx.utils import tree_flatten  # type: ignore[import-not-found, unused-ignore]
    from mlx_lm.models import qwen3  # type: ignore[import-not-found, unused-ignore]
    from mlx_lm.tuner.utils import (  # type: ignore[import-not-found, unused-ignore]
        linear_to_lora_layers,
    )

    placement, model = uniform
    fragment = yaml.safe_load(FORMATS["mlx-lm"].render(placement)["mlx_lm.yaml"])
    config = model.config.to_dict()
    config["rope_theta"] = 1e4
    own = qwen3.Model(qwen3.ModelArgs.from_dict(config))
    own.freeze()
    linear_to_lora_layers(own, fragment["num_layers"], fragment["lora_parameters"])
    trainable = dict(tree_flatten(own.trainable_parameters()))
    found = {
        name.removesuffix(".lora_a"): int(min(value.shape))
        for name, value in trainable.items()
        if name.endswith(".lora_a")
    }
    assert found == placement.ranks
    scale = fragment["lora_parameters"]["scale"]
    assert scale == placement.arguments["lora_alpha"] / placement.arguments["r"]


def test_trl_trains_what_peft_then_loads(varied: Any, tmp_path: Path) -> None:
    """The script as a user runs it; every adapted module has moved."""
    package("trl")
    placement, model = varied
    (script,) = write_exports(tmp_path, placement, model, ["trl"])
    data = tmp_path / "data.jsonl"
    rows = [
        {"prompt": f"name: x{i} | area: park ->", "completion": f" x{i} park"} for i in range(12)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = subprocess.run(
        [sys.executable, str(script), str(data), str(tmp_path / "adapter")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    plain = AutoModelForCausalLM.from_pretrained(placement.source)
    loaded = PeftModel.from_pretrained(plain, str(tmp_path / "adapter"))
    assert moved(loaded) == placement.ranks
    vllm_reads(tmp_path / "adapter", placement)


def moved(model: Any) -> dict[str, int]:
    """Rank of every module whose B is not zero, as it was before training."""
    return {
        name.removeprefix("base_model.model.").split(".lora_")[0]: parameter.shape[1]
        for name, parameter in model.named_parameters()
        if ".lora_B." in name and bool(parameter.abs().max() > 0)
    }


def test_an_adapter_before_training_has_not_moved(varied: Any) -> None:
    """The check can fail."""
    from peft import get_peft_model

    placement, model = varied
    assert moved(get_peft_model(model, LoraConfig(**placement.arguments))) == {}


def test_sft_trainer_takes_choose_layers(qwen3_folder: Path, tmp_path: Path) -> None:
    """The five lines of the README, with TRL's trainer."""
    package("trl")
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer  # type: ignore[import-not-found, unused-ignore]

    checkpoint = load_checkpoint(qwen3_folder)
    rows = [
        {"prompt": f"name: x{i} | area: park ->", "completion": f" x{i} park"} for i in range(24)
    ]
    config = realmodel.choose_layers(
        checkpoint.model,
        checkpoint.tokenizer,
        Dataset.from_list(rows),
        LoraConfig(r=2, task_type="CAUSAL_LM"),
        budget=2,
        options=realmodel.CardOptions(
            protocol=realmodel.FinetuneOptions(steps=5),
            one_pass=realmodel.PassOptions(tangent_samples=16),
        ),
    )
    args = SFTConfig(
        str(tmp_path),
        max_steps=5,
        learning_rate=1e-2,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        report_to="none",
        use_cpu=True,
        bf16=False,
    )
    trainer = SFTTrainer(
        checkpoint.model,
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=checkpoint.tokenizer,
        peft_config=config,
        callbacks=[realmodel.StopBelowAdapters()],
    )
    below: list[bool] = []
    lowest = min(int(name.split(".")[2]) for name in config.target_modules)
    trainer.model.get_input_embeddings().register_forward_hook(lambda *call: None)
    if lowest > 0:
        first = checkpoint.model.model.layers[0]
        first.register_forward_hook(lambda module, given, out: below.append(out.requires_grad))
    trainer.train()
    assert set(moved(trainer.model)) == set(config.target_modules)
    assert not any(below)


def vllm_reads(adapter: Path, placement: ExportedPlacement) -> None:
    """``PEFTHelper`` of the installed vLLM, which cannot be imported without the rest of it."""
    try:
        version("vllm")
    except PackageNotFoundError:
        return
    helper = definition_of(
        package("vllm") / "lora" / "peft_helper.py",
        "PEFTHelper",
        {
            "dataclass": dataclasses.dataclass,
            "field": dataclasses.field,
            "fields": dataclasses.fields,
            "MISSING": dataclasses.MISSING,
            "Literal": Literal,
            "LoRAConfig": object,  # an annotation alone
            "json": json,
            "math": math,
            "os": os,
            "re": re,
        },
    )
    read = helper.from_local_dir(str(adapter), None)
    served = yaml.safe_load(FORMATS["vllm"].render(placement)["vllm.yaml"])
    read.validate_legal(SimpleNamespace(max_lora_rank=served["max-lora-rank"]))
    with pytest.raises(ValueError, match="greater than max_lora_rank"):
        read.validate_legal(SimpleNamespace(max_lora_rank=1))
    scaling = placement.arguments["lora_alpha"] / placement.arguments["r"]
    for name, rank in placement.ranks.items():
        assert read.get_rank_and_scaling(name) == (rank, scaling)


def test_vllm_wraps_the_named_modules(varied: Any) -> None:
    """Its own rule of which modules are wrapped, and its own option of the same name."""
    root = package("vllm")
    rule = definition_of(root / "lora" / "utils.py", "is_in_target_modules")
    placement, model = varied
    served = yaml.safe_load(FORMATS["vllm"].render(placement)["vllm.yaml"])
    packed = {"qkv_proj": ["q_proj", "k_proj", "v_proj"], "gate_up_proj": ["gate_proj", "up_proj"]}
    for name in (module.name for module in find_modules(model).modules):
        assert rule(name, served["lora-target-modules"], packed) == (name in placement.ranks)
    for layer in range(placement.depth):
        runtime = f"model.layers.{layer}.self_attn.qkv_proj"
        wrapped = rule(runtime, served["lora-target-modules"], packed)
        assert wrapped == (layer in placement.layers)
    options = (root / "engine" / "arg_utils.py").read_text()
    for option in served:
        assert option == "model" or f'"--{option}"' in options


def test_peft_reads_its_layout(varied: Any, tmp_path: Path) -> None:
    placement, model = varied
    write_exports(tmp_path, placement, model, ["peft"])
    (folder,) = (tmp_path / "experiments" / "lora").iterdir()
    with torch.no_grad():
        read = LoraConfig.from_pretrained(str(folder))
    arguments = {"target_modules": sorted(read.target_modules), "r": read.r}
    assert ranks_of(arguments | {"rank_pattern": read.rank_pattern}) == placement.ranks
